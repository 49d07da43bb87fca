"""`avm desk-quality`: second readings, agreement, known answers of the ledger, and what a failing model affects."""

import json
import random
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from consumers.ledger.affected import Affected, Place, affected
from consumers.ledger.outcomes import Outcome, OutcomeQueries
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.quality.agreement import Figures
from consumers.review_desk.quality.quality import Quality
from consumers.review_desk.quality.seeds import Basis, KnownAnswer
from consumers.review_desk.store import TaskStore
from infra.cli import CommandError
from infra.cli.connections import codec, settings_in_force, shanghai_today, utc_now
from infra.postgres.pool import Pool, open_pool
from infra.settings import Settings
from schemas.codes import AppraisalKind
from schemas.domain.staff import staff_number
from schemas.domain.worktime import SHANGHAI

app = typer.Typer(help="Quality control of the manual-valuation desk.", no_args_is_help=True)

_ONE_DAY: Final = timedelta(days=1)
_DESK, _LEDGER = "review_desk", "ledger"
Since = Annotated[str, typer.Option("--since", help="From this day on (Shanghai), e.g. 2026-03-01.")]
Until = Annotated[str | None, typer.Option("--until", help="Up to and with this day; default: today.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def draw(
    day: Annotated[str | None, typer.Option("--day", help="A day that is over; default: yesterday.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the second readings of a day, as the desk does at its next opening; a second call changes nothing."""
    wanted = shanghai_today() - _ONE_DAY if day is None else _day(day)
    with _quality(settings_in_force()) as quality:
        try:
            found = quality.draw(wanted)
        except ValueError as error:
            raise CommandError(str(error)) from None
    if as_json:
        print(json.dumps(asdict(found), default=str))
        return
    print(
        f"{found.on_day}: {found.drawn} of {found.decisions} decisions are read again; seed digest {found.seed_digest}"
    )


@app.command()
def agreement(since: Since, until: Until = None, as_json: AsJson = False) -> None:
    """Show how far decisions agree with second readings and known answers, and automatic answers with audits."""
    begins, ends = _window(since, until)
    with _quality(settings_in_force()) as quality:
        found = quality.agreement_of_house(begins, ends)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
        return
    table = Table("", "n", "within 5 %", "within 10 %", "95 % interval", "mean deviation")
    for name, one in [*found.reviewers.items(), *found.queues.items(), ("automatic answers", found.automatic)]:
        table.add_row(name, *_cells(one))
    Console().print(table)


@app.command()
def seeds(
    since: Since,
    by: Annotated[str, typer.Option("--by", help="Who plants them: a staff number of quality control.")],
    until: Until = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Plant at most so many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Plant known answers: cases people decided, of which an offline appraisal or a deal has become known since.

    Each comparison is planted once; nobody who has had the case gets it.
    """
    begins, ends = _window(since, until)
    settings = settings_in_force()
    try:
        planter = staff_number(by)
    except ValueError as error:
        raise CommandError(f"--by: {error}") from None
    with _pool(settings, _LEDGER) as ledger:
        known = [one for one in OutcomeQueries(ledger).outcomes(begins, ends, AppraisalKind) if _is_fit(one)]
    with _quality(settings) as quality:
        planted: list[str] = []
        for one in known:
            if len(planted) < most:
                task_id = quality.plant_known(str(one.valuation_id), _answer(one), planter)
                planted += [] if task_id is None else [task_id]
    print(json.dumps({"planted": planted}) if as_json else f"{len(planted)} of {len(known)} known answers were planted")


@app.command(name="affected")
def affected_(
    since: Since,
    until: Until = None,
    city: Annotated[str | None, typer.Option("--city", help="The city's full name.")] = None,
    community: Annotated[str | None, typer.Option("--community", help="A community's id.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A model's name and version, e.g. 'residential 3'.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the automatic values to revalue: of a place or a model version, since a pattern of failure began."""
    begins, ends = _window(since, until)
    try:
        place = Place(city=city, community_id=community, model=model)
    except ValueError as error:
        raise CommandError(f"{error}: --city, --community or --model") from None
    with _pool(settings_in_force(), _LEDGER) as ledger:
        found = affected(ledger, place, begins, ends)
    if as_json:
        print(json.dumps({"affected": [_plain(one) for one in found]}, ensure_ascii=False))
        return
    table = Table("valuation", "given at", "property", "model", "value, yuan", title=f"{len(found)} values")
    for one in found:
        at = one.resulted_at.astimezone(SHANGHAI).isoformat(sep=" ", timespec="seconds")
        table.add_row(str(one.valuation_id), at, one.property_key or "-", one.model or "-", f"{one.value:,}")
    Console().print(table)


# ---- inside ---------------------------------------------------------------------------------------------------------


@contextmanager
def _pool(settings: Settings, room: str) -> Iterator[Pool]:
    with closing(open_pool(settings.postgres.dsn.get_secret_value(), room=room, size=2)) as pool:
        yield pool


@contextmanager
def _quality(settings: Settings) -> Iterator[Quality]:
    with _pool(settings, _DESK) as pool:
        store = TaskStore(pool, codec(settings), randomness=random.Random())
        yield Quality(
            store,
            policy=DeskPolicy(),
            clock=utc_now,
            new_secret=secrets.token_urlsafe,
            sampling_seed=settings.desk.sampling_seed.get_secret_value(),
        )


def _is_fit(one: Outcome) -> bool:
    return one.excluded is None and not one.is_automatic and one.reference > 0


def _answer(one: Outcome) -> KnownAnswer:
    return KnownAnswer(value=one.reference, basis=Basis(one.kind), source=f"{one.source} {one.number}".strip())


def _window(since: str, until: str | None) -> tuple[datetime, datetime]:
    last = shanghai_today() if until is None else _day(until)
    begins, ends = (datetime.combine(on, time.min, SHANGHAI) for on in (_day(since), last + _ONE_DAY))
    if begins >= ends:
        raise CommandError(f"--since {since} lies after the last day, {last}")
    return begins, ends


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day: write it as 2026-03-01") from None


def _cells(one: Figures) -> tuple[str, ...]:
    if one.share_5 is None or one.share_10 is None:
        return ("0", "-", "-", "-", "-")
    low, high = one.interval_10
    counted = f"{one.n}" if one.is_enough else f"{one.n} (insufficient)"
    moved = "-" if one.mean_deviation is None else f"{one.mean_deviation:+.1%}"
    return counted, f"{one.share_5:.1%}", f"{one.share_10:.1%}", f"{low:.1%} to {high:.1%}", moved


def _plain(one: Affected) -> dict[str, Any]:
    return {name: value if isinstance(value, int | None) else str(value) for name, value in asdict(one).items()}
