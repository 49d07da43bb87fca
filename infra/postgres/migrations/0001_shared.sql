-- How far a consumer has come. Written in the transaction of the effects, so that both happen or neither does.
-- `epoch` grows with every new owner of a partition: an old one that has not noticed yet can no longer write.
-- `caught_up_at`: everything that was on the partition at that instant has been applied.
create table ingest_offset (
    consumer     text   not null,
    topic        text   not null,
    part         int    not null,
    next_offset  bigint not null,
    epoch        bigint not null,
    caught_up_at timestamptz,
    primary key (consumer, topic, part)
) with (fillfactor = 50);

-- What a transaction wants to say on Kafka. One relay sends it in order of id. Two records of one key are written under
-- a lock on that key's row, so for them the order of ids is the order of commits.
create table outbox (
    id         bigint generated always as identity primary key,
    topic      text  not null,
    key        bytea not null,
    value      bytea not null,
    headers    jsonb not null,
    created_at timestamptz not null default now(),
    sent_at    timestamptz
);
create index outbox_waiting on outbox (id) where sent_at is null;
create index outbox_sent on outbox (sent_at) where sent_at is not null;
