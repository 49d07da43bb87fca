-- What channels want besides a value, one row each; the answer is the channel's once `closed_at` is set.
create table work_order (
    work_order_id     uuid        primary key,
    kind              text        not null,
    channel           text        not null,
    client_request_id text        not null,
    text              text        not null,
    raised_at         timestamptz not null,
    accept_by         timestamptz not null,
    due_at            timestamptz not null,
    state             text        not null,
    valuation_id      text        not null,
    business_ref      text,
    handler           text,
    answer            text,
    answered_by       text,
    approved_by       text,
    returned_because  text,
    closed_at         timestamptz,
    escalated         boolean     not null,
    late              text        not null,
    steps             int         not null
);
create index work_order_open on work_order (due_at) where closed_at is null;
