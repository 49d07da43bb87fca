-- Automatic answers that may be issued again for the same unit, area and service. `to_tell`: routing has still to be told,
-- of the answer or that it is taken back. What came of one is no second valuation (`valuation.reused_from`).
create table reusable_answer (
    valuation_id uuid    primary key,
    reuse_key    text    not null,
    is_withdrawn boolean not null default false,
    to_tell      boolean not null
);
create index reusable_answer_to_tell on reusable_answer (valuation_id) where to_tell;
alter table valuation add column reused_from text;
