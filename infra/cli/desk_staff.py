"""`avm desk-staff`: the people of the desk, from the terminal. The first administrator of a new desk comes in here."""

import getpass
import json
import os
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from argon2 import PasswordHasher

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.postgres import pool
from infra.postgres.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.review_desk.people.staff import Person
    from consumers.review_desk.people.staff_register import StaffRegister

app = typer.Typer(add_completion=False, no_args_is_help=True)

_SHORTEST_PASSWORD = 12


@app.command("list")
def list_people(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show everybody in the register, those retired too."""
    with _register() as register:
        people = register.people()
    for person in people:
        if as_json:
            typer.echo(json.dumps(_plain(person), ensure_ascii=False, default=str))
        else:
            until = person.certified_until or "no certificate"
            state = "" if person.is_active else "  retired"
            roles = ",".join(sorted(person.roles))
            typer.echo(f"{person.username:<20} {person.name:<10} {person.grade}  {roles:<28} {until}{state}")


@app.command()
def put(
    username: Annotated[str, typer.Argument(help="As they log in, or as the identity provider names them.")],
    *,
    name: Annotated[str, typer.Option(help="As shown to colleagues.")],
    grade: Annotated[str, typer.Option(help="G1 … G4.")],
    role: Annotated[list[str], typer.Option(help="REVIEWER, SENIOR, SUPERVISOR, QA, AUDITOR or ADMIN; repeatable.")],
    hired_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day at work.")],
    certified_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Without it no task is given.")
    ] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password of a local account.")] = False,
) -> None:
    """Add somebody, or change what the options say of them; skills, regions and conflicts stay."""
    from dataclasses import replace

    from consumers.review_desk.people.staff import Grade, Person, Role

    digest = PasswordHasher().hash(_asked_password()) if password else None
    try:
        grade_, roles = Grade(grade), frozenset(map(Role, role))
    except ValueError as error:
        raise CommandError(f"{error}; see `avm desk-staff put --help`") from None
    with _register() as register:
        before = register.person(username) or Person(username=username, name=name, grade=grade_, roles=roles)
        until = before.certified_until if certified_until is None else certified_until.date()
        person = replace(
            before,
            name=name,
            grade=grade_,
            roles=roles,
            hired_on=hired_on.date(),
            certified_until=until,
            is_active=True,
        )
        register.put(person, _operator(), password_hash=digest)
    typer.echo(f"{username} is in the register")


@app.command("import")
def import_file(path: Annotated[Path, typer.Argument(help="CSV; its first line names the columns.")]) -> None:
    """Put everybody of a file into the register, or nobody when a single line is wrong."""
    from consumers.review_desk.people.staff_file import StaffFileError, read_staff

    try:
        people = read_staff(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}; a UTF-8 file is needed") from None
    except StaffFileError as error:
        raise CommandError(f"{path} 有误，一行也没有导入：\n{error}") from None
    with _register() as register:
        register.put_all(people, _operator())
    typer.echo(f"{len(people)} people are in the register")


@app.command()
def retire(username: Annotated[str, typer.Argument(help="Their user name.")]) -> None:
    """Take somebody's access away at once; their open sessions end."""
    with _register() as register:
        try:
            register.retire(username, _operator())
        except LookupError:
            raise CommandError(f"nobody is called {username!r}; `avm desk-staff list` shows who is there") from None
    typer.echo(f"{username} is retired")


@contextmanager
def _register() -> "Iterator[StaffRegister]":
    from consumers.review_desk.loop import ROOM
    from consumers.review_desk.people.staff_register import StaffRegister

    dsn = settings_in_force().postgres.dsn.get_secret_value()
    migrate(dsn, room=ROOM)
    with closing(pool.open_pool(dsn, room=ROOM, size=1)) as connections:
        yield StaffRegister(connections, clock=utc_now)


def _operator() -> str:
    """Who works at the terminal, for the audit; a container's user often has a number alone."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"terminal:{os.getuid()}"


def _asked_password() -> str:
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(given) < _SHORTEST_PASSWORD:
        raise CommandError(f"a password has at least {_SHORTEST_PASSWORD} characters")
    return given


def _plain(person: "Person") -> dict[str, object]:
    values = {field.name: getattr(person, field.name) for field in fields(person)}
    return {
        name: sorted(value) if isinstance(value, frozenset) else dict(value) if name == "skills" else value
        for name, value in values.items()
    }
