-- Who is at the desk. OFFERED and WORKING are not kept here: they follow from the tasks. `missed` counts offers refused
-- or let pass in a row; `idle_since` is when the person last had something to do; `main_queue` as it was when READY.
create table presence (
    username   text primary key,
    state      text        not null default 'OFFLINE',
    since      timestamptz not null,
    reason     text        not null default '',
    seen_at    timestamptz not null,
    missed     int         not null default 0,
    idle_since timestamptz not null,
    main_queue text        not null default ''
);
create index presence_ready on presence (main_queue) where state = 'READY';

-- The order in which tasks are handed out, fixed so that an index can give it: each point of priority counts like half
-- a minute of time to the due time (`assignment.POINT`). So the urgent go first, and no one waits for ever.
alter table task add column queue text generated always as (region || '/' || skill) stored;
alter table task add column rank_at timestamp
    generated always as ((due_at at time zone 'UTC') - priority * interval '30 seconds') stored;
drop index task_waiting;
create index task_takeable on task (rank_at, task_id) where state in ('QUEUED', 'OFFERED', 'WORKING', 'ON_HOLD', 'PARKED');
create index task_in_hand on task (reviewer) where state in ('OFFERED', 'WORKING', 'ON_HOLD');
create index task_preferred on task (preferred) where preferred is not null;
create index task_of_community on task (community_id) where community_id is not null;
