-- Who did what, in chains: each line carries the hash of the one before it for the same subject (a valuation, or a
-- part of the room's own such as `staff`). Lines are only ever added. `details` is `json`, not `jsonb`: the very text
-- that was hashed stays as it was written.
create table audit_line (
    subject  text        not null,
    sequence int         not null,
    at       timestamptz not null,
    actor    text        not null,
    action   text        not null,
    details  json        not null,
    previous text        not null,
    hash     text        not null,
    primary key (subject, sequence)
);
create index audit_line_at on audit_line using brin (at);

-- Where each chain ends: its row is locked while a line is added, so that two writers never fork a chain. Worked out
-- from the lines, so it may change; `sealed` is the last line that a seal covers.
create table audit_head (
    subject  text primary key,
    sequence int  not null default 0,
    hash     text not null default repeat('0', 64),
    sealed   int  not null default 0
) with (fillfactor = 70);
create index audit_head_moved on audit_head (subject) where sequence > sealed;

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only: lines are neither changed nor removed';
end $$;
create trigger audit_line_stays before update or delete on audit_line
    for each row execute function audit_is_append_only();
create trigger audit_table_stays before truncate on audit_line
    for each statement execute function audit_is_append_only();
-- `always`: also for a session that has switched ordinary triggers off (session_replication_role).
alter table audit_line enable always trigger audit_line_stays;
alter table audit_line enable always trigger audit_table_stays;
