-- A question belongs to an asking: the desk may ask about one that came of enrichment's question.
alter table clarification add column revision int not null default 1;
alter table clarification drop constraint clarification_pkey;
alter table clarification add primary key (valuation_id, revision);

-- The first end of a valuation, which the contract's times and ratios are about, beside the answer that stands: a
-- dispute replaces the answer and not the end.
alter table valuation add column supersedes text;
alter table valuation add column concluded_at timestamptz;
alter table valuation add column concluded_status text;
alter table valuation add column concluded_touched boolean not null default false;
update valuation set concluded_at = final_at, concluded_status = status, concluded_touched = human_touched
where final_at is not null and revision > 0;

-- 复估: one row for each message of a channel. `revision`: which asking the dispute became; `refused`: why it did not.
create table dispute (
    event_id     uuid        primary key,
    valuation_id uuid        not null,
    channel      text        not null,
    client_request_id text   not null,
    reason_code  text        not null,
    raised_at    timestamptz not null,
    appended_at  timestamptz not null,
    traceparent  text,
    handled_at   timestamptz,
    revision     int,
    refused      text
);
create index dispute_waiting on dispute (appended_at) where handled_at is null;
create index dispute_of on dispute (valuation_id);
