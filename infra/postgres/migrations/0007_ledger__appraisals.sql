-- What appraisals are compared with: every valuation with a final answer, as it was first given. `address_key` is a digest
-- of the normalised address as entered. `model_value` and `p10` are the model's own, whoever gave the answer.
create table valued (
    valuation_id  uuid        primary key,
    status        text        not null,
    is_automatic  boolean     not null,
    channel       text        not null,
    loan_stage    text,
    received_at   timestamptz not null,
    resulted_at   timestamptz not null,
    value_date    date        not null,
    area_m2       numeric,
    city          text,
    property_type text        not null,
    community_id  text,
    property_key  text,
    building_key  text,
    address_key   text,
    model         text,
    segment       text,
    p10           float8,
    model_value   bigint,
    value         bigint,
    unit_price    bigint,
    lower         bigint,
    upper         bigint
);
create index valued_building on valued (building_key);
create index valued_address on valued (address_key);
create index valued_unit on valued (property_key) where loan_stage is not null;

-- Figures from outside for houses, and what the desk found of answers drawn for quality control (kind AUDIT). One row for
-- each number of a source, as it was last reported. `named` is the valuation it speaks of, as written.
create table appraisal (
    appraisal_id uuid        primary key,
    number       text        not null,
    source       text        not null,
    kind         text        not null,
    is_blind     boolean     not null,
    named        text,
    valuation_id uuid,
    property_key text,
    building_key text,
    address_key  text,
    area_m2      numeric,
    on_date      date        not null,
    reported_at  timestamptz not null,
    value        bigint      not null,
    unit_price   bigint      not null,
    appended_at  timestamptz not null
);
create index appraisal_valuation on appraisal (valuation_id);
create index appraisal_building on appraisal (building_key);
create index appraisal_address on appraisal (address_key);

-- Each appraisal against each valuation of the same house (consumers/ledger/deviation.py). `deviation` is unrounded;
-- `excluded` says why a case does not count; `announced_at` when a breach was told to the world.
create table comparison (
    appraisal_id uuid        not null,
    valuation_id uuid        not null,
    matched_by   text        not null,
    days_apart   int         not null,
    excluded     text,
    deviation    float8,
    is_within    boolean,
    is_breach    boolean     not null,
    found_at     timestamptz not null,
    announced_at timestamptz,
    primary key (appraisal_id, valuation_id)
);
create index comparison_valuation on comparison (valuation_id);
create index comparison_to_announce on comparison (found_at) where is_breach and announced_at is null;
