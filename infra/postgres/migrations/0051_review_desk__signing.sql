-- 签字编号: what stands on a report in the place of a reviewer's name. Everybody has one, and keeps it.
create sequence staff_signing;
create function next_signing_no() returns text language plpgsql as $$
declare
    given text;
begin
    loop
        given := 'QZ-' || lpad(nextval('staff_signing')::text, 5, '0');
        exit when not exists (select from staff where signing_no = given);
    end loop;
    return given;
end
$$;
alter table staff add signing_no text not null default '';
update staff set signing_no = numbered.given
from (
    select username, 'QZ-' || lpad(nextval('staff_signing')::text, 5, '0') as given
    from (select username from staff order by hired_on, username) ordered
) numbered
where staff.username = numbered.username;
create unique index staff_signing_no on staff (signing_no) where signing_no <> '';
