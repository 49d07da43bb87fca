-- What several instances of the gateway must know together. Nothing here outlives two days but the block list.

-- Signed requests and answered challenges, so that a replay is refused wherever it arrives. `owner`: whose nonce.
create table nonce (
    owner      text        not null,
    nonce      text        not null,
    expires_at timestamptz not null,
    primary key (owner, nonce)
);
create index nonce_expired on nonce (expires_at);

-- One row per window of a quota; it is locked while a valuation is counted, so that `counted` never passes the quota.
-- `subject` is a hash of the channel's token of its customer; empty: the whole channel.
create table quota_window (
    channel   text        not null,
    subject   text        not null,
    per       text        not null,
    starts_at timestamptz not null,
    counted   int         not null default 0,
    primary key (channel, subject, per, starts_at)
);
create index quota_window_old on quota_window (starts_at);

-- When a valuation was counted: a repeat within 24 hours of it costs nothing, a later one is a new valuation.
create table quota_counted (
    valuation_id uuid        primary key,
    counted_at   timestamptz not null
);
create index quota_counted_old on quota_counted (counted_at);

-- 黑名单, with its history. `what` is channel:<code>, subject:<code>:<hash> or credential:<name in the audit>. An entry
-- holds until it is lifted; rows are never removed.
create table block (
    id            bigint      generated always as identity primary key,
    what          text        not null,
    reason        text        not null,
    blocked_by    text        not null,
    blocked_at    timestamptz not null,
    lifted_by     text,
    lifted_at     timestamptz,
    lifted_reason text,
    check (num_nulls(lifted_by, lifted_at, lifted_reason) in (0, 3))
);
create unique index block_holds on block (what) where lifted_at is null;
