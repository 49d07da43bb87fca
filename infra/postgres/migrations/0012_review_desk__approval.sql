-- The first opinion on a task that needs a second person. It stays when the task goes back to its author: `remark` is
-- what they read then; the next submission takes its place, and the audit keeps both.
create table approval (
    task_id           uuid primary key,
    reviewer          text        not null,
    grade             text        not null,
    claimed_at        timestamptz not null,
    submitted_at      timestamptz not null,
    conclusion        jsonb       not null,
    value             bigint,
    model_unit_price  bigint,
    because           text        not null,
    guideline_version text        not null,
    returned_by       text,
    returned_at       timestamptz,
    remark            text
);

-- What the reviewer made of the comparables, and what weakens the value; like the rationale in no event.
-- `property_key` finds what the desk has decided on a unit, a building or a community before.
alter table decision
    add column limiting_factors text[] not null default '{}',
    add column comparison       jsonb  not null default '[]',
    add column property_key     text;
create index decision_of_property on decision (property_key text_pattern_ops) where property_key is not null;
