-- A file of requests. `sent_through`: the last row that the broker has confirmed; what lies behind it goes out next, so
-- a service that is killed goes on there. `holder` works on the job until `lease_until`. `written_off`: sent so long ago
-- without any news that nothing waits for them any more. `withdrawn_through`: as `sent_through`, for a cancelled job.
-- `claimed_through`: the last row that may have gone out, noted before it does: as far a withdrawal reaches.
create table job (
    job_id            text primary key,
    channel           text        not null,
    name              text        not null,
    kind              text        not null,
    sha256            text        not null,
    header            jsonb       not null,
    encoding          text,
    rows              int         not null,
    refused           int         not null,
    duplicates        int         not null,
    last_row          int         not null,
    state             text        not null default 'QUEUED',
    accepted_at       timestamptz not null,
    deadline_at       timestamptz not null,
    revaluation_of    text,
    alert_change      double precision not null,
    columns           jsonb       not null,
    claimed_through   int         not null default 0,
    sent_through      int         not null default 0,
    sent              int         not null default 0,
    written_off       int         not null default 0,
    withdrawn_through int         not null default 0,
    news_at           timestamptz not null,
    progressed_at     timestamptz not null,
    progress_number   int         not null default 0,
    delivered_at      timestamptz,
    ended_at          timestamptz,
    reason            text,
    holder            text,
    lease_until       timestamptz
) with (fillfactor = 50);
create index job_of_channel on job (channel, accepted_at);
create index job_open on job (accepted_at) where state in ('QUEUED', 'RUNNING', 'PAUSED', 'DELIVERED', 'CANCELLED');

-- The input as it came, and each result file that a manifest vouches for: in pieces, so that neither is ever in memory.
create table job_file (
    job_id text  not null,
    part   text  not null,
    number int   not null,
    piece  bytea not null,
    primary key (job_id, part, number)
);
alter table job_file alter column piece set storage external;  -- XLSX and Parquet are compressed already

-- One row of the file. `asks` is equal for rows that ask the same, `same_as` the first of them: it alone is sent.
-- `former_number`: the same collateral's row in the job that is revalued.
create table item (
    job_id           text not null,
    number           int  not null,
    valuation_id     uuid not null,
    asks             bigint,
    same_as          int,
    problems         jsonb,
    business_ref     text,
    branch_code      text,
    former_number    int,
    former_value     bigint,
    former_on        date,
    former_report    text,
    status           text,
    revision         int  not null default 0,
    value            bigint,
    unit_price       bigint,
    lower            bigint,
    upper            bigint,
    confidence_level smallint,
    value_date       date,
    valid_until      date,
    reason           text not null default '',
    report_no        text not null default '',
    superseded_by    text,
    primary key (job_id, number)
) with (fillfactor = 70);

-- What is sent for a row, as it goes on the topic. Written once, gone when the job has been sent.
create table request (
    job_id text  not null,
    number int   not null,
    value  bytea not null,
    primary key (job_id, number)
);

-- How many rows of a job stand how, kept by those who change a row: a million rows are not counted again and again.
create table tally (
    job_id  text    not null,
    status  text    not null,
    is_done boolean not null,
    rows    int     not null,
    reports int     not null,
    primary key (job_id, status, is_done)
) with (fillfactor = 50);

-- What was vouched for. `number` 1 is final for what needs nobody, later ones supplement it with what people decided.
-- `news_at`: the job's, when it was made: with another one there is more to tell.
create table manifest (
    job_id        text        not null,
    number        int         not null,
    made_at       timestamptz not null,
    news_at       timestamptz not null,
    document      text        not null,
    sha256        text        not null,
    result_sha256 text        not null,
    result_bytes  bigint      not null,
    primary key (job_id, number)
);
