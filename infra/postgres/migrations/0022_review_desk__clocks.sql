-- What the clock of a task has said so far, so that each mark is told once by whichever process sees it first.
-- `share_told`: the highest share of the clock that was told; `level_told`: how high an overdue one was escalated.
-- The last four are what the channel was told of its place, `revision` about which asking.
create table task_clock (
    task_id     uuid primary key references task,
    share_told  numeric     not null default 0,
    level_told  int         not null default 0,
    revision    int,
    position    int,
    expected_at timestamptz,
    told_at     timestamptz
);

-- Queues with waiting tasks of which nobody takes any, since when, and how high that was escalated.
create table queue_blocked (
    queue      text        primary key,
    since      timestamptz not null,
    level_told int         not null default 0
);
create index decision_decided_at on decision (decided_at);
