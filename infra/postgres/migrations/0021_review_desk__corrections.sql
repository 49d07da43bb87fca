-- Where the model failed again and again: one row for each time a hold was put on what `scope` and `name` say. While
-- one is open no other is opened for the same, and what came before it was closed counts for none after.
create table pattern (
    pattern_id    uuid        primary key,
    scope         text        not null check (scope in ('COMMUNITY', 'CITY', 'MODEL')),
    name          text        not null,
    valuation_ids uuid[]      not null,
    segments      text[]      not null,
    first_at      timestamptz not null,
    found_at      timestamptz not null,
    closed_at     timestamptz,
    closed_by     text,
    closed_because text
);
create unique index pattern_open on pattern (scope, name) where closed_at is null;
create index pattern_found on pattern (found_at);
