-- Which decisions of a day are read a second time: `seed` and shares as they were, so that anybody can draw again.
create table quality_draw (
    on_day    date        primary key,
    seed      text        not null,
    share     numeric     not null,
    newcomer_share numeric not null,
    decisions int         not null,
    drawn     int         not null,
    drawn_at  timestamptz not null
);

-- Known answers: the task that asks for one, and what is right (a total in yuan). `basis` says whose word that is,
-- `source` its number there.
create table seed (
    task_id    uuid        primary key references task,
    value      bigint      not null check (value > 0),
    basis      text        not null check (basis in ('OFFLINE_APPRAISAL', 'DEAL', 'QA')),
    source     text        not null,
    planted_by text        not null,
    planted_at timestamptz not null
);
create index task_checked on task (kind, received_at) where kind in ('SECOND_READING', 'SEEDED', 'AUDIT', 'DISPUTE');
