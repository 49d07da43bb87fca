"""`avm policy curve|automation`: what the policy leads to, from what was scored, answered and appraised."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli.connections import settings_in_force, utc_now
from infra.cli.policy.files import AsJson
from infra.cli.policy_office import events_on, policy_in_force
from infra.settings import Settings
from schemas.catalogue import FEEDBACK, RESULTS, SCORED
from schemas.codes import AppraisalKind, Reason
from schemas.domain import automation as ratios
from schemas.domain.automation import Answered
from schemas.domain.ends import is_end
from schemas.events import Appraised, Resulted, Scored
from streams.routing.curve import cases_of, curves
from streams.routing.policy import Policy, PropertyClass

_APART: Final = frozenset({PropertyClass.COMMERCIAL.value})  # automation of commercial property is counted by itself


def curve(
    days: Annotated[float, typer.Option(help="How far back, by the time of scoring.")] = 30.0,
    against: Annotated[AppraisalKind, typer.Option(help="What the values are held against.")] = (
        AppraisalKind.OFFLINE_APPRAISAL
    ),
    as_json: AsJson = False,
) -> None:
    """Show per segment what share could be automatic and how much of it would be within 10 % of known figures."""
    settings = settings_in_force()
    scored = scored_lately(settings, timedelta(days=days))
    found = curves(cases_of(scored, figures_from_outside(settings, against), policy_in_force(settings)))
    if as_json:
        told = {name: [asdict(point) for point in points] for name, points in found.items()}
        print(json.dumps({"against": against, "curves": told}, ensure_ascii=False))
        return
    table = Table(
        "segment", "share", "cases", "p10 at least", "within 10 %", "95 % interval", title=f"against {against}"
    )
    for name, points in found.items():
        for point in points:
            interval = f"{point.lower:.1%}–{point.upper:.1%}"
            share, near = f"{point.share:.1%}", f"{point.within_10:.1%}"
            table.add_row(name, share, str(point.cases), f"{point.min_p10:.3f}", near, interval)
    Console().print(table)


def automation(as_json: AsJson = False) -> None:
    """Show the automation ratio over rolling windows, commercial property by itself. Exit code 1 on an alarm."""
    settings, now = settings_in_force(), utc_now()
    answered = _answered(settings, policy_in_force(settings), now - max(ratios.WINDOWS))
    found = ratios.automation(answered, now, apart=_APART)
    rows = [
        {
            "hours": one.window.total_seconds() / 3_600,
            "class": one.property_class or "*",
            "counted": one.counted,
            "automatic": one.automatic,
            "ratio": one.ratio,
            "alert": one.alert,
        }
        for one in found
    ]
    if as_json:
        print(json.dumps({"automation": rows}))
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        Console().print(table)
    raise typer.Exit(1 if any(one.alert is ratios.Alert.ALARM for one in found) else 0)


def scored_lately(settings: Settings, span: timedelta) -> Iterator[Scored]:
    """What was scored in the last `span`."""
    since = utc_now() - span
    return (event for event in events_on(settings, SCORED, Scored) if event.scored_at >= since)


def figures_from_outside(settings: Settings, kind: AppraisalKind | None = None) -> dict[str, float]:
    """The latest figure of a kind (`None`: of any) for a valuation's house, in yuan per m², by valuation id.

    Whoever had seen our value agrees too easily, so only blind figures count.
    """
    told = sorted(events_on(settings, FEEDBACK, Appraised), key=lambda one: one.reported_at)
    wanted = (one for one in told if one.valuation_id and one.blind and kind in {None, one.kind})
    return {one.valuation_id: float(one.unit_price) for one in wanted}


def _answered(settings: Settings, policy: Policy, since: datetime) -> list[Answered]:
    """Where every valuation received since then stands: its first end, else its latest interim answer.

    A refusal is of one message and no valuation.
    """
    newest: dict[str, Resulted] = {}
    forced: set[str] = set()
    for event in events_on(settings, RESULTS, Resulted):
        if Reason.FORCED_BY_BANK in event.reasons:
            forced.add(event.valuation_id)
        before = newest.get(event.valuation_id)
        if event.revision and event.received_at >= since and (before is None or not is_end(before)):
            newest[event.valuation_id] = event
    return [
        Answered(
            received_at=event.received_at,
            status=event.status,
            human_touched=event.human_touched,
            property_class="" if event.attributes is None else policy.class_of(event.attributes.property_type) or "",
            service_type=event.service_type,
            is_reused=event.reused_from is not None,
            is_forced=event.valuation_id in forced,
        )
        for event in newest.values()
    ]
