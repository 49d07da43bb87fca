-- Who is on duty when. A swap hands one shift to a colleague once a supervisor has agreed.
create table shift (
    shift_id  uuid        primary key,
    username  text        not null,
    starts_at timestamptz not null,
    ends_at   timestamptz not null check (ends_at > starts_at),
    put_by    text        not null,
    put_at    timestamptz not null
);
create index shift_of on shift (username, starts_at);
create index shift_at on shift (starts_at, ends_at);

create table shift_swap (
    swap_id    uuid        primary key,
    shift_id   uuid        not null references shift on delete cascade,
    asked_by   text        not null,
    colleague  text        not null,
    reason     text        not null,
    asked_at   timestamptz not null,
    state      text        not null check (state in ('ASKED', 'APPROVED', 'REFUSED')),
    decided_by text,
    decided_at timestamptz,
    remark     text
);
create unique index shift_swap_asked on shift_swap (shift_id) where state = 'ASKED';
