-- Automatic answers that may be issued again for the same unit, area and service, in the order they were given. No
-- `reuse_key`: an answer that itself was issued again (`reused_from`), or one that is in doubt before it was read, so that
-- its doubt outlives a ledger that is filled anew. `to_tell`: routing has still to be told, of the answer or that it is
-- taken back. What came of one is no second valuation (`valuation.reused_from`).
create table reusable_answer (
    valuation_id uuid        primary key,
    answer_id    uuid,
    reuse_key    text,
    reused_from  uuid,
    appended_at  timestamptz not null default '-infinity',
    is_withdrawn boolean     not null default false,
    to_tell      boolean     not null default false
);
create index reusable_answer_to_tell on reusable_answer (appended_at) where to_tell;
alter table valuation add column reused_from text;
