-- How the system behind a channel is reached; a channel without a row has its topic alone.
-- `secrets`: [{"secret": "whsec_…", "until": instant or null}], newest first. `failures`, `opened_until`: its breaker.
create table endpoint (
    channel      text        primary key,
    mode         text        not null check (mode in ('WEBHOOK', 'TOPIC_WITH_RECEIPT', 'TOPIC')),
    url          text,
    secrets      jsonb       not null default '[]',
    failures     int         not null default 0,
    opened_until timestamptz,
    changed_at   timestamptz not null,
    check ((mode = 'WEBHOOK') = (url is not null))
);

-- One event for one channel. OPEN: the channel has to acknowledge it. SENT: it lies on the topic, and nobody has to.
-- PARKED: given up, a dead letter until somebody sends it again. `sequence`: the order within `subject_id`.
-- `awaits_endpoint`: the last attempt failed for a reason that is not this delivery's own.
create table delivery (
    delivery_id     uuid        primary key,
    sequence        bigint      generated always as identity,
    channel         text        not null,
    kind            text        not null,
    subject_id      text        not null,
    event_id        text        not null,
    body            text        not null,
    sha256          text        not null,
    delivered_at    timestamptz not null,
    business_ref    text,
    embed_target    text,
    traceparent     text,
    is_batch        boolean     not null,
    is_final        boolean     not null,
    value           bigint,
    status          text        not null check (status in ('OPEN', 'SENT', 'ACKNOWLEDGED', 'PARKED')),
    attempts        int         not null default 0,
    due_at          timestamptz,
    leased_until    timestamptz,
    give_up_at      timestamptz,
    awaits_endpoint boolean     not null default false,
    last_fault      text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    embedded_at     text
);
create index delivery_open on delivery (channel, is_batch, due_at) where status = 'OPEN';
create index delivery_order on delivery (channel, subject_id, sequence) where status = 'OPEN';
create index delivery_given_up on delivery (give_up_at) where status = 'OPEN';
create index delivery_parked on delivery (channel) where status = 'PARKED';
create index delivery_day on delivery (channel, delivered_at);
create index delivery_subject on delivery (subject_id);

-- Every receipt, also one that fits no delivery. `verdict`: what it came to.
create table receipt (
    delivery_id text        not null,
    channel     text        not null,
    received_at timestamptz not null,
    sha256      text        not null,
    stored      boolean     not null,
    fault       text,
    embedded_at text,
    verdict     text        not null,
    seen_at     timestamptz not null,
    primary key (delivery_id, channel, received_at, sha256, stored)
);
create index receipt_seen on receipt (seen_at);
