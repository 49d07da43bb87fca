-- Every correction of the property registry, for ever: who established what of which house, when, and on what evidence.
-- `facts` holds what is established after the correction, not only what it changed. `appended_at` and `place` are the
-- broker's stamp and offset: they give the order in which the stages took the corrections in. `correction_id` follows from
-- where the record lies, so that one read twice is kept once, and what is sent again counts as said again.
create table registry_corrections (
    correction_id uuid        primary key,
    property_key  text        not null,
    corrected_at  timestamptz not null,
    corrected_by  text        not null,
    source        text        not null,
    valuation_id  text,
    facts         jsonb       not null,
    tags          text[]      not null,
    appended_at   timestamptz not null,
    place         bigint      not null
);
create index registry_corrections_key on registry_corrections (property_key, appended_at desc, place desc);

create function registry_only_grows() returns trigger language plpgsql as $$
begin
    raise exception 'registry_corrections is append-only: register a new correction instead';
end
$$;
create trigger registry_only_grows before update or delete on registry_corrections
    for each row execute function registry_only_grows();

-- What is established now.
create view registry_current as
    select distinct on (property_key) * from registry_corrections
    order by property_key, appended_at desc, place desc;
