"""`avm notices templates|announce|list`: the words of notices, and telling the bank of maintenance and incidents."""

import json
import random
import sys
from contextlib import closing
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from consumers.notifier.causes import announcement
from consumers.notifier.loop import ROOM
from consumers.notifier.notices import Notices
from consumers.notifier.templates import TemplateError, Templates, read, shipped
from infra.cli import CommandError
from infra.cli.connections import codec, settings_in_force, utc_now
from infra.postgres import pool
from infra.postgres.migrate import migrate
from schemas.codes import NoticeTrigger
from schemas.domain.worktime import SHANGHAI

app = typer.Typer(add_completion=False, no_args_is_help=True)

_MOST = 200
_LIST = """
    select noticed_at, trigger, audience, channel, subject_id, sendings, received_at, sent_at is null
    from notice where not %(owed)s or (needs_receipt and received_at is null) order by noticed_at desc limit %(most)s
"""
_AS_JSON = typer.Option("--json", help="Print one JSON object on standard output.")


class Announced(StrEnum):
    """What is announced."""

    MAINTENANCE = "maintenance"
    INCIDENT = "incident"


class Symptom(StrEnum):
    """What may not work. A choice and no text: words that leave are approved words."""

    ALL = "all"
    ONLINE = "online"
    MANUAL = "manual"
    REPORTS = "reports"
    BATCH = "batch"
    DELIVERY = "delivery"


_SYMPTOMS = {
    Symptom.ALL: "全部估值服务不可用",
    Symptom.ONLINE: "联机估值响应缓慢或不可用",
    Symptom.MANUAL: "人工估值暂停",
    Symptom.REPORTS: "估价报告单延迟出具",
    Symptom.BATCH: "批量估值延迟",
    Symptom.DELIVERY: "结果推送延迟",
}
_VARIANTS = {Announced.MAINTENANCE: ("PLANNED", "CANCELLED"), Announced.INCIDENT: ("OPENED", "RECOVERED")}


@app.command()
def templates(
    file: Annotated[Path | None, typer.Argument(help="A file of templates; default: those of this release.")] = None,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """List templates with their digests and whether two people approved them; exit code 1 when one is not."""
    found = _templates(file)
    rows = [
        {"name": one.name, "version": one.version, "sha256": one.digest, "approved": one.is_approved, "text": one.text}
        for one in found.all
    ]
    if as_json:
        sys.stdout.write(json.dumps({"templates": rows}, ensure_ascii=False) + "\n")
    else:
        _show("Templates", ("name", "version", "approved", "sha256", "text"), rows)
    if not all(row["approved"] for row in rows):
        raise typer.Exit(1)


@app.command()
def announce(
    what: Annotated[Announced, typer.Argument(help="maintenance or incident.")],
    number: Annotated[str, typer.Argument(help="Its number: the same one again is told once.")],
    variant: Annotated[str, typer.Option(help="PLANNED or CANCELLED; OPENED or RECOVERED.")],
    since: Annotated[datetime, typer.Option("--from", help="Its beginning, in Shanghai.")],
    until: Annotated[datetime | None, typer.Option("--to", help="Its end, in Shanghai.")] = None,
    symptom: Annotated[Symptom | None, typer.Option(help="Of an incident: what does not work.")] = None,
) -> None:
    """Tell the bank's operations, who must acknowledge it; without a receipt in 30 minutes it is told again."""
    if variant not in _VARIANTS[what]:
        raise CommandError(f"--variant {variant}: for {what} it is {' or '.join(_VARIANTS[what])}")
    if until is None and variant != "OPENED":
        raise CommandError("--to: say when it ends")
    if symptom is None and variant == "OPENED":
        raise CommandError(f"--symptom: say what does not work: {', '.join(Symptom)}")
    settings = settings_in_force()
    facts = {
        "from": _instant(since),
        "to": _instant(until) if until else "",
        "what": _SYMPTOMS[symptom] if symptom else "",
    }
    cause = announcement(NoticeTrigger(what.upper()), number, variant, facts)
    telling = Notices(shipped(), codec(settings), randomness=random.Random())
    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=ROOM)
    with closing(pool.connect(dsn, room=ROOM)) as connection, connection.transaction():
        told = telling.tell(connection, [cause], utc_now())
    if not told:
        raise CommandError("nothing was told: it was told before, or its template is not approved (see the log)")
    typer.echo("told; `avm notices list --owed` shows whether it was acknowledged")


@app.command("list")
def listed(
    owed: Annotated[bool, typer.Option("--owed", help="Only those that wait for a receipt.")] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """List the latest notices."""
    settings = settings_in_force()
    with closing(pool.connect(settings.postgres.dsn.get_secret_value(), room=ROOM)) as connection:
        found = connection.execute(_LIST, {"owed": owed, "most": _MOST}).fetchall()
    names = ("noticed_at", "trigger", "audience", "channel", "subject_id", "sendings", "received_at", "waits")
    rows = [dict(zip(names, row, strict=True)) for row in found]
    if as_json:
        sys.stdout.write(json.dumps({"notices": rows}, ensure_ascii=False, default=str) + "\n")
    else:
        _show("Notices", names, rows)


def _templates(file: Path | None) -> Templates:
    if file is None:
        return shipped()
    try:
        return read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, TemplateError) as error:
        raise CommandError(f"{file}: {error}") from error


def _show(title: str, names: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in names))
    Console().print(table)


def _instant(at: datetime) -> str:
    return f"{at.replace(tzinfo=SHANGHAI):%Y-%m-%d %H:%M}"
