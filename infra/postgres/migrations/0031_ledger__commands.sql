-- What channels want of earlier requests (CANCEL, FORCE_MANUAL, STATUS_QUERY): one row for each message. `next_at`: when
-- it has to be looked at again; null once it is answered. `answer_id`: the CANCELLED that was sent, while it is not yet
-- known whether it came first.
create table command (
    event_id     uuid        primary key,
    valuation_id uuid        not null,
    action       text        not null,
    channel      text        not null,
    client_request_id text   not null,
    lane         text        not null,
    asked_at     timestamptz not null,
    appended_at  timestamptz not null,
    traceparent  text,
    next_at      timestamptz,
    answer_id    uuid,
    outcome      text
);
create index command_waiting on command (next_at) where next_at is not null;
create index command_of on command (valuation_id);

-- Commands that the topics show as answered: a ledger that is filled anew leaves them alone, in whatever order it reads.
create table command_answered (event_id uuid primary key);

-- The place in its partition tells which of two final answers with one stamp was first: everybody reads it so.
alter table valuation add column answer_place bigint not null default 0;
alter table valuation add column concluded_place bigint not null default 0;
alter table valuation add column concluded_revision int not null default 0;
-- When the bank first wanted people for it: it counts for no automatic ratio.
alter table valuation add column forced_at timestamptz;
