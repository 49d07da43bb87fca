-- The daily reconciliation of a channel, once it was made.
create table reconciliation (
    channel  text        not null,
    day      date        not null,
    manifest jsonb       not null,
    made_at  timestamptz not null,
    primary key (channel, day)
);
