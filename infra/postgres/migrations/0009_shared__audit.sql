-- Who did what, in chains: each line carries the hash of the one before it for the same subject (a valuation, or a
-- part of the room's own such as `staff`). Lines are only ever added.
create table audit_line (
    subject  text        not null,
    sequence int         not null,
    at       timestamptz not null,
    actor    text        not null,
    action   text        not null,
    details  jsonb       not null,
    previous text        not null,
    hash     text        not null,
    primary key (subject, sequence)
);
create index audit_line_at on audit_line (at);
create index audit_line_actor on audit_line (actor, at);
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only: lines are neither changed nor removed';
end $$;
create trigger audit_line_stays before update or delete on audit_line
    for each row execute function audit_is_append_only();
create trigger audit_table_stays before truncate on audit_line
    for each statement execute function audit_is_append_only();
