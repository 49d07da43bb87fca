-- Every event of a valuation, once. `appended_at` is the broker's stamp, the one contractual times are measured with.
-- `payload` is the event as JSON, without what another event of the same valuation already says (a review's evidence).
-- `wire` keeps the bytes of results, so that a reader gets the very event the channel got.
create table ledger_event (
    event_id     uuid        primary key,
    valuation_id uuid        not null,
    kind         text        not null,
    status       text,
    stage        text        not null,
    lane         text,
    revision     int         not null,
    occurred_at  timestamptz not null,
    appended_at  timestamptz not null,
    trace_id     text,
    payload      jsonb       not null,
    wire         bytea
);
create index ledger_event_valuation on ledger_event (valuation_id, appended_at);
create index ledger_event_appended on ledger_event (appended_at);

-- Where a valuation stands: the fold of its events (consumers/ledger/standing.py).
create table valuation (
    valuation_id      uuid primary key,
    -- what was asked, from the most trustworthy event seen so far
    identity_rank     int         not null,
    identity_at       timestamptz not null,
    channel           text,
    client_request_id text,
    lane              text,
    service_type      text,
    address_entered   text,
    product           text,
    loan_stage        text,
    business_ref      text,
    branch_code       text,
    embed_target      text,
    traceparent       text,
    -- when
    received_at       timestamptz,
    deadline_at       timestamptz,
    review_at         timestamptz,
    decided_at        timestamptz,
    answered_at       timestamptz,
    final_at          timestamptz,
    late_at           timestamptz,
    -- the answer that stands
    status            text,
    status_rank       int         not null,
    revision          int         not null,
    answer_id         uuid,
    answer_at         timestamptz,
    reasons           text[]      not null,
    due_at            timestamptz,
    valid_until       date,
    value             bigint,
    unit_price        bigint,
    lower             bigint,
    upper             bigint,
    human_touched     boolean     not null
) with (fillfactor = 80);
-- hash: these come from outside and may be longer than a b-tree takes
create index valuation_client_request_id on valuation using hash (client_request_id);
create index valuation_business_ref on valuation using hash (business_ref);
create index valuation_received on valuation (received_at);
create index valuation_unanswered on valuation (received_at) where answered_at is null and final_at is null and late_at is null and lane = 'online';
create index valuation_open on valuation (deadline_at) where final_at is null;

create table report (
    report_no    text        primary key,
    valuation_id uuid        not null,
    revision     int         not null,
    issued_at    timestamptz not null,
    payload      jsonb       not null
);
create index report_valuation on report (valuation_id, issued_at);

-- One row for each promise broken, for ever: what the monitor counts and the statement shows.
create table breach (
    valuation_id uuid        not null,
    promise      text        not null,
    found_at     timestamptz not null,
    primary key (valuation_id, promise)
);
