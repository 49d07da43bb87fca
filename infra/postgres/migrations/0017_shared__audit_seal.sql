-- Seals: one chain over the ends of all chains that moved since the seal before. A chain that is gone as a whole, or
-- has lost its last lines, is in order by itself; the seal that named its end shows it.
create table audit_seal (
    number   int primary key,
    at       timestamptz not null,
    heads    int         not null,
    previous text        not null,
    hash     text        not null
);
create table audit_sealed (
    seal     int  not null references audit_seal,
    subject  text not null,
    sequence int  not null,
    hash     text not null,
    primary key (subject, sequence)
);
create index audit_sealed_by on audit_sealed (seal);

create trigger audit_seal_stays before update or delete on audit_seal
    for each row execute function audit_is_append_only();
create trigger audit_seal_table_stays before truncate on audit_seal
    for each statement execute function audit_is_append_only();
create trigger audit_sealed_stays before update or delete on audit_sealed
    for each row execute function audit_is_append_only();
create trigger audit_sealed_table_stays before truncate on audit_sealed
    for each statement execute function audit_is_append_only();
alter table audit_seal enable always trigger audit_seal_stays;
alter table audit_seal enable always trigger audit_seal_table_stays;
alter table audit_sealed enable always trigger audit_sealed_stays;
alter table audit_sealed enable always trigger audit_sealed_table_stays;
