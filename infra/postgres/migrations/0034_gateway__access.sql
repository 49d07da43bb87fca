-- What several instances of the gateway must know together. Nothing here outlives two days but the block list.

-- Signed requests and answered challenges, so that a replay is refused wherever it arrives. `owner`: whose nonce.
create table nonce (
    owner      text        not null,
    nonce      text        not null,
    expires_at timestamptz not null,
    primary key (owner, nonce)
);
create index nonce_expired on nonce (expires_at);

-- One row per window of a quota. `counted` holds the valuations let through, never more than the quota: a repeat of one
-- of them counts nothing. `subject` is a hash of the channel's token of its customer; empty: the whole channel.
create table quota_window (
    channel   text        not null,
    subject   text        not null,
    starts_at timestamptz not null,
    counted   uuid[]      not null,
    primary key (channel, subject, starts_at)
);
create index quota_window_old on quota_window (starts_at);

-- 黑名单. `what` is channel:<code>, subject:<code>:<hash> or credential:<name in the audit>.
create table blocked (
    what       text        primary key,
    reason     text        not null,
    blocked_by text        not null,
    blocked_at timestamptz not null default now()
);
