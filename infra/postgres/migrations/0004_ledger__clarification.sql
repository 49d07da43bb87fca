-- Every question about an address that was put to a channel (NEEDS_CLARIFICATION). `next_at`: when the clock has to look
-- again: first to remind, then at `reply_by`; null once there is nothing more to do.
create table clarification (
    valuation_id uuid        primary key,
    reply_by     timestamptz not null,
    next_at      timestamptz
) with (fillfactor = 80);
create index clarification_next on clarification (next_at) where next_at is not null;

-- What was asked before there was a clock gets a day from its asking.
insert into clarification (valuation_id, reply_by, next_at)
select valuation_id, answer_at + interval '24 hours', answer_at + interval '24 hours'
from valuation where status = 'NEEDS_CLARIFICATION';
