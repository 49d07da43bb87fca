-- Revocations that one person proposed and another has not confirmed yet. `operator` is who was logged in where it was
-- typed. A proposal lapses after a day; what became of it is in the audit.
create table revocation_proposal (
    report_no   text        primary key,
    reason      text        not null,
    proposed_by text        not null,
    operator    text        not null,
    proposed_at timestamptz not null
);
-- Reports by what they supersede: a successor may be read before the report that it replaces.
create index report_supersedes on report (valuation_id) where payload->>'supersedes_report_no' is not null;
