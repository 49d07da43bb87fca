"""`avm segments`: where the model's answers may stand: promote by rule, admit, hold, release, withdraw; the history."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.cli.policy_office import policy_in_force, standings_on, write_standings
from infra.reference.aliases import checked_city
from infra.reference.properties import CorrectionError
from schemas.domain.divisions import divisions
from schemas.domain.segments import segment_key
from schemas.events import SegmentFigures, SegmentStanding
from streams.routing.admission import (
    AdmissionError,
    Decision,
    Segment,
    admitted,
    held,
    promoted,
    released,
    state_before_hold,
    withdrawn,
)
from streams.routing.policy import AdmissionRule, PropertyClass
from streams.routing.standings import Standings, weighed

app = typer.Typer(help="Admit, hold and release segments of the market.", no_args_is_help=True)
_console = Console(stderr=True)

Named = Annotated[
    list[str], typer.Argument(metavar="SEGMENT…", help="CITY|CLASS, e.g. '杭州市|RESIDENTIAL'; several may be given.")
]
Held = Annotated[str, typer.Argument(metavar="SEGMENT", help="CITY|CLASS[|COMMUNITY], e.g. '杭州市|RESIDENTIAL|c-17'.")]
By = Annotated[str, typer.Option("--by", help="Who decides: a staff number, no name.")]
Second = Annotated[str, typer.Option("--second", help="Who agrees: another staff number.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

Decide = Callable[[Segment, SegmentStanding | None], SegmentStanding]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the standing of every segment anybody has decided about; all others are HUMAN_ONLY."""
    _print(Standings(standings_on(settings_in_force())).all(), as_json=as_json)


@app.command()
def history(segment: Held, as_json: AsJson = False) -> None:
    """Show every decision about a segment and its communities, the oldest first, also those that were passed over."""
    wanted = _parsed(segment).key
    found = [
        (one, counts)
        for one, counts in weighed(standings_on(settings_in_force()))
        if one.segment == wanted or one.segment.startswith(f"{wanted}|")
    ]
    passed_over = frozenset(place for place, (_, counts) in enumerate(found) if not counts)
    _print([one for one, _ in found], as_json=as_json, passed_over=passed_over)


@app.command()
def promote(
    by: By,
    second: Second,
    report: Annotated[Path, typer.Option("--report", help="What `avm model thresholds --json` printed.")],
    reason: Annotated[str, typer.Option("--reason", help="Kept beside the figures.")] = "reaches the rule",
    as_json: AsJson = False,
) -> None:
    """Make every segment of a backtest AUTOMATIC that reaches the policy's rule; the others stay as they are.

    Exit code 1 when none does.
    """
    settings = settings_in_force()
    rule, figures = policy_in_force(settings).admission, read_report(report)
    standings = Standings(standings_on(settings))
    outcomes = [_promoted(segment, own, rule, standings, _decision(by, reason, second)) for segment, own in figures]
    changed = [one for one in outcomes if isinstance(one, SegmentStanding)]
    write_standings(changed, settings)
    for refused in (one for one in outcomes if isinstance(one, str)):
        _console.print(refused, markup=False)
    _print(changed, as_json=as_json)
    raise typer.Exit(0 if changed else 1)


@app.command()
def admit(segments: Named, by: By, second: Second, reason: Why, as_json: AsJson = False) -> None:
    """Make segments AUTOMATIC by decision of two people, outside the rule; the history says so."""
    decision = _decision(by, reason, second)
    _decide(segments, lambda segment, before: admitted(segment, before, decision), as_json=as_json)


@app.command()
def hold(segments: Named, by: By, reason: Why, as_json: AsJson = False) -> None:
    """Stop automatic answers in segments or communities, at once. One person is enough."""
    decision = _decision(by, reason)
    _decide(segments, lambda segment, before: held(segment, before, decision), as_json=as_json)


@app.command()
def release(segment: Held, by: By, second: Second, reason: Why, as_json: AsJson = False) -> None:
    """End a hold: the state before it stands again."""
    earlier = standings_on(settings_in_force())
    decision = _decision(by, reason, second)

    def end(one: Segment, before: SegmentStanding | None) -> SegmentStanding:
        return released(one, before, decision, to=state_before_hold(one, earlier))

    _decide([segment], end, as_json=as_json)


@app.command()
def withdraw(segments: Named, by: By, second: Second, reason: Why, as_json: AsJson = False) -> None:
    """Take an admission back, of a held segment too: people value there again."""
    decision = _decision(by, reason, second)
    _decide(segments, lambda segment, before: withdrawn(segment, before, decision), as_json=as_json)


def read_report(path: Path) -> tuple[tuple[Segment, SegmentFigures], ...]:
    """The figures of each segment in a backtest's report. Raises `CommandError` saying what is wrong in which entry.

    The report is a JSON object with `segments`: a list of `city`, `property_class`, `deals`, `accepted`, `ppe10`,
    `since` and `until`; `source` names the backtest. Each segment is named once.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        entries, source = report["segments"], str(report.get("source", path.name))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CommandError(f"{path} is no report of a backtest with `segments`: {error!r}") from error
    found = tuple(_entry(entry, place, source, path) for place, entry in enumerate(entries))
    twice = [key for key, times in Counter(segment.key for segment, _ in found).items() if times > 1]
    if twice:
        raise CommandError(f"{path} speaks more than once of {', '.join(twice)}; keep the entry that counts")
    return found


# ---- inside ---------------------------------------------------------------------------------------------------------


def _entry(entry: Any, place: int, source: str, path: Path) -> tuple[Segment, SegmentFigures]:
    try:
        city = checked_city(str(entry["city"]), divisions())
        segment = Segment(city=city, property_class=PropertyClass(entry["property_class"]))
        figures = SegmentFigures(
            deals=int(entry["deals"]),
            accepted=int(entry["accepted"]),
            ppe10=float(entry["ppe10"] or 0.0),
            since=date.fromisoformat(entry["since"]),
            until=date.fromisoformat(entry["until"]),
            source=source,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{path}: segments[{place}] cannot be read: {error!r}") from error
    return segment, figures


def _promoted(
    segment: Segment, figures: SegmentFigures, rule: AdmissionRule, standings: Standings, decision: Decision
) -> SegmentStanding | str:
    try:
        return promoted(segment, standings.in_force(segment.key), figures, rule, decision)
    except AdmissionError as error:
        return str(error)


def _decide(named: Sequence[str], decide: Decide, *, as_json: bool) -> None:
    """All of them or none: one that is refused stops the command before anything is written."""
    settings = settings_in_force()
    standings = Standings(standings_on(settings))
    try:
        changed = [decide(segment, standings.in_force(segment.key)) for segment in map(_parsed, named)]
    except AdmissionError as error:
        raise CommandError(str(error)) from error
    write_standings(changed, settings)
    _print(changed, as_json=as_json)


def _parsed(named: str) -> Segment:
    city, _, rest = named.partition("|")
    kind, _, community = rest.partition("|")
    if not city or kind not in set(PropertyClass):
        raise CommandError(
            f"{named!r} names no segment: write {segment_key('CITY', 'CLASS')} with a class of "
            f"{', '.join(PropertyClass)}, and |COMMUNITY behind it for one community"
        )
    try:
        known = checked_city(city, divisions())
    except CorrectionError as error:
        raise CommandError(f"{named!r} names no segment: {error.why}") from error
    return Segment(city=known, property_class=PropertyClass(kind), community_id=community or None)


def _decision(by: str, reason: str, second: str | None = None) -> Decision:
    return Decision(by=by, reason=reason, at=utc_now(), second=second)


def _print(standings: Sequence[SegmentStanding], *, as_json: bool, passed_over: frozenset[int] = frozenset()) -> None:
    """`passed_over` are places of records that may not follow the one before them."""
    if as_json:
        told = [asdict(one) | {"counts": place not in passed_over} for place, one in enumerate(standings)]
        print(json.dumps({"segments": told}, ensure_ascii=False, default=str))
        return
    table = Table("segment", "state", "reason", "by rule", "figures", "by", "second", "at", "version")
    for place, one in enumerate(standings):
        figures = one.figures and f"{one.figures.deals} deals, {one.figures.ppe10:.1%} of {one.figures.accepted}"
        at = one.at.astimezone().isoformat(sep=" ", timespec="seconds")
        state = f"{one.state} (passed over)" if place in passed_over else one.state
        row = (one.segment, state, one.reason, "yes" if one.by_rule else "", figures or "")
        table.add_row(*row, one.by, one.second or "", at, str(one.version))
    Console().print(table)
