-- Every 签字编号 that was ever given, and to whom: it stands on reports for years, so it is never given to another and
-- nobody's is ever changed.
create table signing_given (
    signing_no text primary key,
    username   text not null unique
);
insert into signing_given (signing_no, username) select signing_no, username from staff where signing_no <> '';
create or replace function next_signing_no() returns text language plpgsql as $$
declare
    given text;
begin
    loop
        given := 'QZ-' || lpad(nextval('staff_signing')::text, 5, '0');
        exit when not exists (select from signing_given where signing_no = given);
    end loop;
    return given;
end
$$;
