-- 实地勘察: a work order for a task that cannot be valued on paper. Photographs are references into the store of
-- pictures, never the pictures.
create table survey (
    task_id      uuid        not null,
    number       int         not null,
    valuation_id uuid        not null,
    region       text        not null,
    address      text        not null,
    instructions text        not null,
    ordered_by   text        not null,
    ordered_at   timestamptz not null,
    due_at       timestamptz not null,
    photos       text[]      not null default '{}',
    report       text,
    reported_by  text,
    reported_at  timestamptz,
    primary key (task_id, number)
);
create index survey_open on survey (due_at) where reported_at is null;
