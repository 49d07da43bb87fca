-- Where each work order stands, for the channel that raised it: the last step it was told of.
create table work_order (
    work_order_id     uuid        primary key,
    channel           text        not null,
    client_request_id text        not null,
    kind              text        not null,
    state             text        not null,
    raised_at         timestamptz not null,
    number            int         not null default 0,
    valuation_id      text        not null default '',
    business_ref      text,
    due_at            timestamptz,
    answer            text,
    escalated         boolean     not null default false,
    answered_at       timestamptz
);
create index work_order_channel on work_order (channel, raised_at);
