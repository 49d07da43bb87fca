-- Reports that no longer count. `payload` is the event ReportRevoked; `told_at` is empty until it is on its topic.
-- `second` is the second person where somebody revoked it by hand.
create table revocation (
    report_no    text  primary key,
    valuation_id uuid  not null,
    payload      jsonb not null,
    second       text,
    told_at      timestamptz
);
create index revocation_untold on revocation (report_no) where told_at is null;
