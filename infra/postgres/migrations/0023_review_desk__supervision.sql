-- What supervisors say to the desk. A queue that is paused (`YANGTZE_DELTA/RESIDENTIAL`, or a whole region) gives no
-- task away; a row here is the pause, no row is none.
create table queue_pause (
    queue     text        primary key,
    reason    text        not null,
    paused_by text        not null,
    paused_at timestamptz not null
);

-- Notices to people of the desk. Empty lists mean everybody; `people` names those it is for alone. `shown_until` null:
-- until it has been acknowledged.
create table notice (
    notice_id   bigint generated always as identity primary key,
    severity    text        not null check (severity in ('INFO', 'WARNING', 'URGENT')),
    text        text        not null,
    written_by  text        not null,
    written_at  timestamptz not null,
    shown_until timestamptz,
    roles       text[]      not null default '{}',
    regions     text[]      not null default '{}',
    people      text[]      not null default '{}'
);
create index notice_written on notice (written_at);
create table notice_seen (
    notice_id bigint      not null references notice,
    username  text        not null,
    seen_at   timestamptz not null,
    primary key (notice_id, username)
);

-- Who looks over whose shoulder, and why: a watch without a reason cannot be opened.
create table watch (
    watch_id   uuid        primary key,
    task_id    uuid        not null references task,
    supervisor text        not null,
    reason     text        not null,
    since      timestamptz not null
);
