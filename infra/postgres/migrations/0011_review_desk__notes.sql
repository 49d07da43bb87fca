-- What people at the desk write to each other about a task. It never leaves the desk: no event carries any of it.
create table task_note (
    note_id    bigint generated always as identity primary key,
    task_id    uuid        not null,
    author     text        not null,
    written_at timestamptz not null,
    kind       text        not null,
    text       text        not null
);
create index task_note_of_task on task_note (task_id, note_id);

create table consultation (
    consultation_id bigint generated always as identity primary key,
    task_id         uuid        not null,
    asked_by        text        not null,
    asked_of        text        not null,
    question        text        not null,
    asked_at        timestamptz not null,
    answer          text,
    answered_at     timestamptz
);
create index consultation_open on consultation (asked_of) where answer is null;
create index consultation_of_task on consultation (task_id);
