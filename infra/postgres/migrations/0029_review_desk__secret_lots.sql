-- What the lots of second readings hang on where no setting names it: made once, by the first draw.
create table sampling_secret (
    is_one boolean primary key default true check (is_one),
    secret text    not null
);
-- A day's seed is kept as its digest alone: who knows the secret can draw again, who reads the table cannot.
alter table quality_draw rename column seed to seed_digest;
update quality_draw set seed_digest = encode(sha256(convert_to(seed_digest, 'UTF8')), 'hex');

-- What tasks have come to and the people of their region are still to be told, in one notice for all.
create table clock_unsaid (
    region text not null,
    mark   text not null
);
create index task_disputed on task (requested_at) where kind = 'DISPUTE';
