-- HELD: made, and told once what it belongs to was told, or at `held_until`; then it gets its `sequence` anew.
-- `occurred_at`: the event's own instant, which the bank has in the body. `resent_for`: the last request to send it again.
alter table delivery drop constraint delivery_status_check;
alter table delivery add constraint delivery_status_check
    check (status in ('HELD', 'OPEN', 'SENT', 'ACKNOWLEDGED', 'PARKED'));
alter table delivery
    add column occurred_at timestamptz not null default now(),
    add column revision    int,
    add column report_no   text,
    add column held_until  timestamptz,
    add column resent_for  text;
update delivery set occurred_at = (body::json->>'occurred_at')::timestamptz,
    revision = (body::json->'data'->>'revision')::int, report_no = body::json->'data'->>'report_no';

-- `sequence` in it: many that are due at one instant are found in their order without being sorted.
drop index delivery_open;
create index delivery_open on delivery (channel, is_batch, due_at, sequence) where status = 'OPEN';
create index delivery_held on delivery (held_until) where status = 'HELD';
drop index delivery_day;
create index delivery_day on delivery (occurred_at, channel);
create index delivery_made on delivery (delivered_at);
