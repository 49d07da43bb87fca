-- 合议: three sealed opinions (tasks of kind OPINION whose origin this is) on one task. `spread` is set once all are in;
-- beyond the limit the panel stays open until its chair has written the grounds.
create table panel (
    task_id   uuid primary key,
    opened_at timestamptz not null,
    because   text        not null,
    spread    numeric,
    chair     text,
    rationale text,
    closed_at timestamptz
);
create index task_of_origin on task (origin) where origin is not null;
