"""`avm model thresholds`: choose `min_p10` of the routing policy on walk-forward data and write the policy file."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from infra.cli import CommandError
from infra.cli.model.options import AsJson, Dictionary, DictionaryMapping, Files, MappingFile, console, reference
from infra.cli.model.walking import From, Lag, SettingName, Step, To, first_day, settings_of, spans_of, walked
from infra.cli.policy_office import read_policy
from infra.settings import Settings
from schemas.domain.channels import Profile
from schemas.domain.contract import AUTOMATIC_RATIO
from schemas.domain.segments import segment_key
from schemas.events import Deal
from streams.routing.choice import NOTHING, choose
from streams.routing.curve import Case, CurvePoint, curve
from streams.routing.policy import Policy, PropertyClass, ThresholdKey, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.policy_text import with_min_p10

if TYPE_CHECKING:
    from streams.scoring.evaluation import Forecast, Setting, Span

_WRITTEN_FOR = (Profile.STAFF, Profile.CUSTOMER)  # PUBLIC is an indication: its threshold is not about acceptance
_YEAR = timedelta(days=365)


def thresholds(  # noqa: PLR0917 -- typer reads options from parameters
    deals: Files = None,
    mapping: MappingFile = None,
    communities: Dictionary = None,
    communities_mapping: DictionaryMapping = None,
    walk_forward: Step = "week",
    start: From = "",
    end: To = "",
    lag: Lag = 0,
    setting: SettingName = "area",
    target: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share within 10 % that the accepted must hold, at 95 % confidence.")
    ] = 0.80,
    by_city: Annotated[
        bool, typer.Option("--by-city", help="A threshold for each city instead of one for all.")
    ] = False,
    policy: Annotated[Path | None, typer.Option(help="Policy file to start from; the one in force by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the policy with the thresholds chosen to this file.")] = None,
    policy_version: Annotated[str, typer.Option(help="Its version; needed with --out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Choose the largest share to answer automatically that holds the target; print the curve; write the policy.

    Of several settings the strictest threshold is taken. `avm policy check` reads the file, `avm policy propose` puts
    it before two people; the JSON object's `segments` are what `avm segments promote --report` reads.
    """
    if out and not policy_version:
        raise CommandError("say under which version the policy is written: --policy-version TEXT")
    first_day(walk_forward, start)
    path = policy or Settings().policy or DEFAULT_POLICY
    before, settings = read_policy(path), settings_of(setting)
    rows, places = reference(deals, mapping, communities, communities_mapping, from_topic=False)
    spans = spans_of(walk_forward, start, end, rows)
    forecasts = walked(rows, places, spans, settings, lag_days=lag)
    choices = _choices(_cases(forecasts, before, by_city=by_city), target)
    if not choices:
        least = before.admission.min_accepted
        raise CommandError(f"no class has forecasts to choose by (with --by-city, no city has {least} of them)")
    text = with_min_p10(path.read_text(encoding="utf-8"), _changes(choices), version=policy_version or before.version)
    if out:
        out.write_text(text, encoding="utf-8")
        console.print(f"Policy {policy_version} written to {out}; check it with `avm policy check {out}`.")
    if not as_json:
        for choice in choices:
            _print(choice, target)
        return
    first = {segment: next(iter(by_setting.values())) for segment, by_setting in forecasts.items()}
    told = {
        "target": target,
        "thresholds": [_told(choice) for choice in choices],
        "segments": _admission(first, parse(text.encode()), rows, spans),
        "source": f"walk-forward by {walk_forward}, {settings[0]}",
    }
    print(json.dumps(told, ensure_ascii=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What was chosen for a class, in one city or everywhere (`None`), from the forecasts of one setting."""

    city: str | None
    kind: PropertyClass
    setting: str
    curve: tuple[CurvePoint, ...]
    chosen: CurvePoint | None

    @property
    def min_p10(self) -> float:
        return self.chosen.min_p10 if self.chosen else NOTHING


_Key = tuple[str | None, PropertyClass]


def _cases(
    forecasts: "Mapping[str, Mapping[Setting, Sequence[Forecast]]]", policy: Policy, *, by_city: bool
) -> dict[tuple[_Key, str], list[Case]]:
    """Cases by city and class and by setting. A city with too few outcomes to judge it is left to all together."""
    found: dict[tuple[_Key, str], list[Case]] = defaultdict(list)
    for by_setting in forecasts.values():
        for setting, of_setting in by_setting.items():
            for deal, case, _ in _valued(of_setting, policy):
                city = deal.city if by_city else None
                found[(city, PropertyClass(case.segment.split("|")[1])), setting.value].append(case)
    least = policy.admission.min_accepted
    return {key: cases for key, cases in found.items() if key[0][0] is None or len(cases) >= least}


def _valued(forecasts: "Iterable[Forecast]", policy: Policy) -> Iterator[tuple[Deal, Case, float]]:
    """Every deal of a class that may be automatic, with its case and the forecast standard deviation."""
    for one in forecasts:
        deviations = one.value / one.price - 1
        for deal, p10, fsd, deviation in zip(one.deals, one.p10, one.fsd, deviations, strict=True):
            kind = policy.class_of(deal.property_type)
            if kind is not None:
                segment = segment_key(deal.city, kind)
                yield deal, Case(segment=segment, p10=float(p10), deviation=float(deviation)), float(fsd)


def _choices(cases: Mapping[tuple[_Key, str], list[Case]], target: float) -> list[_Choice]:
    return [
        _Choice(city=city, kind=kind, setting=setting, curve=curve(found), chosen=choose(found, target))
        for ((city, kind), setting), found in cases.items()
    ]


def _changes(choices: Iterable[_Choice]) -> dict[ThresholdKey, float]:
    """Of several settings the highest threshold: it has to hold for whatever is told of a property."""
    found: dict[ThresholdKey, float] = {}
    for choice in choices:
        for profile in _WRITTEN_FOR:
            key = choice.city, choice.kind, profile
            found[key] = max(choice.min_p10, found.get(key, 0.0))
    return found


def _admission(
    forecasts: "Mapping[str, Sequence[Forecast]]",
    policy: Policy,
    deals: Sequence[Deal],
    spans: "Sequence[Span]",
) -> list[dict[str, Any]]:
    """Each segment as `avm segments promote` judges it: by what the policy's thresholds would have let stand."""
    since, until = spans[0][0], spans[-1][1]
    accepted: dict[tuple[str, PropertyClass], list[bool]] = defaultdict(list)
    for of_segment in forecasts.values():
        for deal, case, fsd in _valued(of_segment, policy):
            kind = PropertyClass(case.segment.split("|")[1])
            asked = policy.thresholds_for(deal.city, kind, Profile.STAFF)
            passes = case.p10 >= asked.min_p10 and fsd <= asked.max_fsd
            accepted[deal.city, kind] += [case.is_near] if passes else []
    year = [deal for deal in deals if until - _YEAR <= deal.deal_date < until]
    sold = Counter(segment_key(deal.city, policy.class_of(deal.property_type) or "") for deal in year)
    return [
        {
            "city": city,
            "property_class": kind.value,
            "deals": sold[segment_key(city, kind)],
            "accepted": len(near),
            "ppe10": round(sum(near) / len(near), 4) if near else None,
            "since": since.isoformat(),
            "until": until.isoformat(),
        }
        for (city, kind), near in accepted.items()
    ]


def _told(choice: _Choice) -> dict[str, Any]:
    return {
        "city": choice.city,
        "property_class": choice.kind.value,
        "setting": choice.setting,
        "min_p10": choice.min_p10,
        "chosen": asdict(choice.chosen) if choice.chosen else None,
        "reaches_automation_goal": choice.chosen is not None and choice.chosen.share >= AUTOMATIC_RATIO.value,
        "curve": [asdict(point) for point in choice.curve],
    }


def _print(choice: _Choice, target: float) -> None:
    table = Table(
        "accepted", "cases", "min_p10", "within 10 %", "95 % interval",
        title=f"{choice.city or 'every city'}, {choice.kind}, told: {choice.setting}",
    )  # fmt: skip
    for point in choice.curve:
        table.add_row(*_cells(point))
    console.print(table)
    console.print(_verdict(choice, target))


def _verdict(choice: _Choice, target: float) -> str:
    point = choice.chosen
    if point is None:
        return f"No share holds {target:.0%} within 10 %: nothing may leave automatically (min_p10 = {NOTHING})."
    said = f"min_p10 = {point.min_p10:.4f} accepts {point.share:.1%}, of which {point.within_10:.1%} are within 10 %"
    said += f" (at least {point.lower:.1%}, target {target:.0%})."
    if point.share < AUTOMATIC_RATIO.value:
        wanted = f"{AUTOMATIC_RATIO.value:.0%}"
        said += f" That is below the {wanted} wanted: on this data the target and the goal cannot both hold."
    return said


def _cells(point: CurvePoint) -> tuple[str, ...]:
    return (
        f"{point.share:.1%}",
        f"{point.cases:,}",
        f"{point.min_p10:.4f}",
        f"{point.within_10:.1%}",
        f"{point.lower:.1%}–{point.upper:.1%}",
    )
