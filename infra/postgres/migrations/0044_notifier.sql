-- One row for each notice: its id is derived from cause and audience, so the same cause is told once.
-- `event` is the Noticed event as it was first sent; without `sent_at` it waits for its turn,
-- until it is stale.
create table notice (
    notice_id     uuid        primary key,
    trigger       text        not null,
    audience      text        not null,
    channel       text,
    subject_id    text        not null,
    event         bytea       not null,
    noticed_at    timestamptz not null,
    is_stale      boolean     not null default false,
    needs_receipt boolean     not null,
    sendings      int         not null default 1,
    sent_at       timestamptz,
    received_at   timestamptz,
    paged_at      timestamptz
);
create index notice_owed on notice (sent_at) where needs_receipt and received_at is null;
create index notice_pace on notice (channel, audience, sent_at);
create index notice_held on notice (channel, audience, noticed_at) where sent_at is null and not is_stale;

-- Under which delivery a sending may be acknowledged, by whom and with the digest of what.
create table notice_delivery (
    delivery_id text primary key,
    notice_id   uuid not null references notice,
    channel     text not null,
    sha256      text not null
);
