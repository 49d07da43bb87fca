-- One row for each valuation a person must look at. `evidence` is the ReviewRequested as it came, for the way back.
create table task (
    valuation_id  uuid primary key,
    revision      int         not null,
    city          text        not null,
    property_type text        not null,
    address       text        not null,
    area_m2       numeric     not null,
    reasons       text[]      not null,
    priority      int         not null,
    due_at        timestamptz not null,
    requested_at  timestamptz not null,
    evidence      bytea       not null,
    traceparent   text,
    state         text        not null default 'QUEUED' check (state in ('QUEUED', 'CLAIMED', 'DECIDED')),
    reviewer      text,
    claimed_at    timestamptz,
    lease_until   timestamptz,
    draft         jsonb       not null default '{}',
    version       int         not null default 1,
    check ((state = 'QUEUED') = (reviewer is null))
);
create index task_open on task (priority desc, due_at, valuation_id) where state <> 'DECIDED';
-- A reviewer works on one task at a time.
create unique index task_of_reviewer on task (reviewer) where state = 'CLAIMED';

-- What was decided. `rationale` and the other reasons in words stay here: they are in no event.
create table decision (
    valuation_id            uuid        not null,
    revision                int         not null,
    outcome                 text        not null,
    unit_price              bigint,
    value                   bigint,
    lower                   bigint,
    upper                   bigint,
    reasons                 text[]      not null,
    comparable_ids          text[]      not null,
    few_comparables_because text,
    deviation_because       text,
    rationale               text        not null,
    guideline_version       text        not null,
    reviewer                text        not null,
    grade                   text        not null,
    claimed_at              timestamptz not null,
    decided_at              timestamptz not null,
    primary key (valuation_id, revision)
);
create index decision_reviewer on decision (reviewer, decided_at);

-- Who is logged in. Only a digest of the token is kept.
create table session (
    token_sha256 text primary key,
    username     text        not null,
    expires_at   timestamptz not null
);
