-- Valuations that their channels have withdrawn. A request for one of them may still be on its way: it becomes no task.
create table withdrawn (
    valuation_id uuid        primary key,
    withdrawn_at timestamptz not null
);
