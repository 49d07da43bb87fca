-- Tasks get an id of their own: a valuation can be disputed, read a second time and heard by a panel.
alter table decision rename to decision_before_states;
alter table decision_before_states rename constraint decision_pkey to decision_before_states_pkey;
alter index decision_reviewer rename to decision_before_states_reviewer;
alter table task rename to task_before_states;
alter table task_before_states rename constraint task_pkey to task_before_states_pkey;
drop index task_open;
drop index task_of_reviewer;

create table task (
    task_id         uuid primary key,
    valuation_id    uuid        not null,
    revision        int         not null,
    kind            text        not null,
    region          text        not null,
    city            text        not null,
    property_type   text        not null,
    skill           text        not null,
    community_id    text,
    address         text        not null,
    area_m2         numeric     not null,
    reasons         text[]      not null,
    model_value     bigint,
    priority        int         not null,
    received_at     timestamptz not null,
    requested_at    timestamptz not null,
    due_at          timestamptz not null,
    blind           boolean     not null,
    internal        boolean     not null,
    state           text        not null,
    queued_at       timestamptz not null,
    parked_until    timestamptz,
    reviewer        text,
    claimed_at      timestamptz,
    lease_until     timestamptz,
    lease_ends_at   timestamptz,
    renewals        int         not null default 0,
    held_until      timestamptz,
    "group"         text,
    preferred       text,
    preferred_until timestamptz,
    excluded        text[]      not null default '{}',
    transfers       int         not null default 0,
    clarified       boolean     not null default false,
    paused          interval    not null default '0',
    paused_since    timestamptz,
    origin          uuid,
    draft           jsonb       not null default '{}',
    version         int         not null default 1,
    evidence        bytea       not null,
    traceparent     text
);
create index task_waiting on task (priority desc, due_at, task_id) where state in ('QUEUED', 'OFFERED', 'WORKING');
create index task_of_valuation on task (valuation_id);
create index task_open_of on task (reviewer) where state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED');
-- A person works on one task at a time; two people can never hold one, since a task has one row.
create unique index task_in_work on task (reviewer) where state = 'WORKING';

insert into task (task_id, valuation_id, revision, kind, region, city, property_type, skill, address, area_m2, reasons,
    priority, received_at, requested_at, due_at, blind, internal, state, queued_at, reviewer, claimed_at, version,
    evidence, traceparent)
select valuation_id, valuation_id, revision, case when reasons = '{QA_SAMPLE}' then 'AUDIT' else 'VALUATION' end,
    'MIDWEST', city, property_type, '', address, area_m2, reasons, priority, requested_at, requested_at, due_at, false,
    false, case when state = 'DECIDED' then 'DECIDED' else 'QUEUED' end, requested_at,
    case when state = 'DECIDED' then reviewer end, case when state = 'DECIDED' then claimed_at end, version, evidence,
    traceparent
from task_before_states;
drop table task_before_states;

-- What was decided, one row a task. `rationale` and the other reasons in words stay here: they are in no event.
create table decision (
    task_id                 uuid primary key,
    valuation_id            uuid        not null,
    revision                int         not null,
    kind                    text        not null,
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
    approver                text,
    claimed_at              timestamptz not null,
    decided_at              timestamptz not null,
    confirmed_community_id  text,
    blind                   boolean     not null default false,
    model_unit_price        bigint
);
create index decision_reviewer on decision (reviewer, decided_at);
create index decision_valuation on decision (valuation_id);
insert into decision (task_id, valuation_id, revision, kind, outcome, unit_price, value, lower, upper, reasons,
    comparable_ids, few_comparables_because, deviation_because, rationale, guideline_version, reviewer, grade,
    claimed_at, decided_at, confirmed_community_id)
select distinct on (valuation_id) valuation_id, valuation_id, revision, 'VALUATION', outcome, unit_price, value, lower,
    upper, reasons, comparable_ids, few_comparables_because, deviation_because, rationale, guideline_version, reviewer,
    grade, claimed_at, decided_at, confirmed_community_id
from decision_before_states order by valuation_id, revision desc;
drop table decision_before_states;
