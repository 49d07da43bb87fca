-- Who works at the desk. `password_hash` is argon2's; null: this person comes in by the bank's identity provider alone.
create table staff (
    username        text primary key,
    name            text        not null,
    grade           text        not null,
    roles           text[]      not null,
    regions         text[]      not null,
    main_queue      text        not null default '',
    skills          jsonb       not null default '{}',
    employer        text        not null,
    site            text        not null,
    hired_on        date        not null,
    certified_until date,
    conflicts       text[]      not null default '{}',
    is_active       boolean     not null default true,
    password_hash   text
);
