-- `candidates`: the communities an address may mean, so that nobody gets a case that may lie in one of their own.
-- `drafted_by`: whose draft it is; of a blind task it is nobody else's to read.
alter table task
    add column candidates text[] not null default '{}',
    add column drafted_by text;
