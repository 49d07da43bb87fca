-- Guidelines and bulletins: versions are added, never changed. Every change makes a new version of the whole set, in
-- the order of `number`; of each guideline the latest up to a version belongs to it. `words`: what it is found by
-- (consumers/review_desk/full_text.py).
create table guideline (
    guideline_id text        not null,
    version      text        not null,
    number       int         not null,
    title        text        not null,
    text         text        not null,
    cities       text[]      not null default '{}',
    skills       text[]      not null default '{}',
    families     text[]      not null default '{}',
    in_force_at  timestamptz not null,
    published_at timestamptz not null,
    published_by text        not null,
    withdrawn    boolean     not null default false,
    words        tsvector    not null,
    primary key (guideline_id, number)
);
create index guideline_words on guideline using gin (words);

-- A bulletin: something all of a region, or all, are told. A mandatory one has to be read before work begins.
create table bulletin (
    bulletin_id  uuid        primary key,
    title        text        not null,
    text         text        not null,
    mandatory    boolean     not null,
    regions      text[]      not null default '{}',
    published_at timestamptz not null,
    published_by text        not null,
    withdrawn_at timestamptz,
    words        tsvector    not null
);
create index bulletin_words on bulletin using gin (words);
create table bulletin_read (
    bulletin_id uuid        not null references bulletin,
    username    text        not null,
    read_at     timestamptz not null,
    primary key (bulletin_id, username)
);

-- The desk asks the audit by person; the ledger, which writes it by the thousand, does not.
create index audit_line_actor on audit_line (actor, at);
