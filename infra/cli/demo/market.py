"""The market of a demonstration: a synthetic one, or files of one's own; loaded and learned from before it is asked."""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, shanghai_today, utc_now
from infra.cli.demo.admission import admissions
from infra.cli.demo.questions import Question, about_deals, as_typed, in_full, simulated
from infra.cli.policy_office import policy_in_force, write_standings
from infra.cli.releases import announce_releases, keep_release
from infra.kafka.producer import Publisher
from infra.reference.coverage import read_coverage
from infra.reference.live import live_rows, publish, records_of
from infra.reference.load import TOPIC_OF, load
from infra.reference.mapping import FileMapping, Target, own_names, read_mapping
from infra.reference.rows import Event, RejectedRow, read_rows
from infra.reference.sources import read_sources
from infra.reference.tables import columns_of
from infra.settings import Settings
from producers.simulator.market import generate, write
from schemas.catalogue import SOURCES
from schemas.codes import ModelRole
from schemas.events import Community, Deal, SourceLicence
from streams.scoring.licences import Licences, UnlicensedSourcesError, refuse_unlicensed
from streams.scoring.training import train

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SYNTHETIC, LOADED = "synthetic", "loaded"
SEED = 20261101
_NOTE = "market.json"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file and how to read it."""

    path: Path
    mapping: FileMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A market: what is loaded, until when deals are known, and what is asked. `kind` is SYNTHETIC or LOADED."""

    kind: str
    name: str
    known_until: date
    coverage: Source
    communities: tuple[Source, ...]
    deals: Source
    licences: Path
    questions: tuple[Question, ...]
    rents: tuple[Source, ...] = ()


def synthetic(state: Path, *, communities: int, deals: int, count: int) -> Prepared:
    """Generate the synthetic market below `state`: up to today, or to the day of the one that is loaded there."""
    note = _noted(state)
    until = date.fromisoformat(note["known_until"]) if note else shanghai_today()
    market = generate(SEED, communities=communities, deals=deals, until=until)
    _, homes, closed, covered, let, licensed = write(market, state / "synthetic-market")
    return Prepared(
        kind=SYNTHETIC,
        name=f"合成市场 {SEED}",
        known_until=until,
        coverage=_own(covered, Target.COVERAGE),
        communities=(_own(homes, Target.COMMUNITIES),),
        deals=_own(closed, Target.DEALS),
        licences=licensed,
        questions=simulated(market, seed=SEED, count=count),
        rents=(_own(let, Target.RENTS),),
    )


def _own(path: Path, target: Target) -> Source:
    return Source(path=path, mapping=own_names(target, columns_of(path)))


def from_files(folder: Path, *, count: int | None, typed: bool = False) -> Prepared:
    """The market in `folder`, by the description in docs/examples/markets whose files are all there.

    `count` questions at most, evenly drawn; `typed` writes them as people type instead of in full. Raises
    `CommandError` when no description fits.
    """
    description = _description_of(folder)
    about = tomllib.loads(description.read_text(encoding="utf-8"))
    deals = _described(folder, about["deals"])
    asked_from: date = about["split"]
    later = [deal for deal in _good(deals) if isinstance(deal, Deal) and deal.deal_date >= asked_from]
    communities = tuple(_described(folder, source) for source in about["communities"])
    write = as_typed(_once(communities), seed=SEED) if typed else in_full
    questions = about_deals(sorted(later, key=lambda deal: (deal.deal_date, deal.deal_id)), write)
    if count is not None and count < len(questions):
        questions = tuple(questions[number * len(questions) // count] for number in range(count))
    coverage = EXAMPLES / about["coverage"]
    return Prepared(
        kind=LOADED,
        name=about["name"],
        known_until=asked_from,
        coverage=_own(coverage, Target.COVERAGE),
        communities=communities,
        deals=deals,
        licences=EXAMPLES / about["licences"],
        questions=questions,
    )


def _description_of(folder: Path) -> Path:
    known = sorted((EXAMPLES / "markets").glob("*.toml"))
    for path in known:
        about = tomllib.loads(path.read_text(encoding="utf-8"))
        if all((folder / source["file"]).is_file() for source in (about["deals"], *about["communities"])):
            return path
    names = ", ".join(path.name for path in known)
    raise CommandError(f"{folder} has not all files of any description in docs/examples/markets ({names})")


def _described(folder: Path, source: dict[str, str]) -> Source:
    return Source(path=folder / source["file"], mapping=read_mapping(EXAMPLES / source["mapping"]))


def prepare(prepared: Prepared, settings: Settings, tell: Tell) -> None:
    """Load the market, train on it and release the model, unless the state folder already holds this very market.

    Deals of `known_until` and later are kept back, as a bank could not know them. Raises `CommandError` when the state
    folder holds another market.
    """
    licences = _registered(prepared, settings, tell)
    found = _noted(settings.state)
    wanted = {"name": prepared.name, "known_until": prepared.known_until.isoformat(), "deals": _size(prepared.deals)}
    if found is not None:
        if found != wanted:
            raise CommandError(
                f"{settings.state} holds the market {found['name']!r} until {found['known_until']}, not "
                f"{wanted['name']!r} until {wanted['known_until']}: choose another state folder (AVM_STATE), or "
                "remove this one"
            )
        tell(f"{prepared.name}: already loaded and learned from")
        return
    communities = list(_once(prepared.communities))
    deals = list(_known_deals(prepared))
    _publish(prepared, communities, deals, settings, tell)
    _learn(deals, communities, prepared.known_until, settings, tell, licences)
    (settings.state / _NOTE).write_text(json.dumps(wanted, ensure_ascii=False), encoding="utf-8")


def _registered(prepared: Prepared, settings: Settings, tell: Tell) -> Licences:
    """Register the market's sources, without which nothing is learned or valued; what stands already is left alone."""
    conf, encoder, now = kafka_conf(settings), codec(settings), utc_now()
    standing = live_rows(conf, SOURCES, SourceLicence, encoder)
    fresh = {row.source: row for row in read_sources(prepared.licences, now=now) if row.source not in standing}
    if fresh:
        publish(conf, records_of(fresh.values(), SOURCES, encoder, now))
        tell(f"{prepared.name}: licences registered of {', '.join(fresh)}")
    return Licences(rows=standing | fresh, waived=not settings.require_licences)


def _noted(state: Path) -> dict[str, Any] | None:
    """What the state folder holds; `None` for no market."""
    path = state / _NOTE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _size(source: Source) -> int:
    return source.path.stat().st_size


def _publish(
    prepared: Prepared, communities: Sequence[Community], deals: Sequence[Deal], settings: Settings, tell: Tell
) -> None:
    coverage = read_coverage(prepared.coverage.path, prepared.coverage.mapping, today=shanghai_today())
    tables: tuple[tuple[Target, Iterable[Event]], ...] = (
        (Target.COVERAGE, coverage),
        (Target.COMMUNITIES, communities),
        (Target.DEALS, deals),
        *((Target.RENTS, _good(source)) for source in prepared.rents),
    )
    with closing(Publisher(kafka_conf(settings), on_fatal=tell)) as publisher:
        for target, rows in tables:
            loaded = load(
                rows,
                publisher=publisher,
                codec=codec(settings),
                topic=TOPIC_OF[target],
                now=utc_now(),
                on_rejected=lambda _: None,
                on_progress=lambda _: None,
            )
            tell(f"{prepared.name}: {loaded.loaded:,} {target} loaded")


def _once(sources: Iterable[Source]) -> Iterator[Community]:
    """Each community once; of two files the first one's row stands."""
    seen: set[str] = set()
    for source in sources:
        for row in _good(source):
            if isinstance(row, Community) and row.community_id not in seen:
                seen.add(row.community_id)
                yield row


def _known_deals(prepared: Prepared) -> Iterator[Deal]:
    for row in _good(prepared.deals):
        if isinstance(row, Deal) and (prepared.kind == SYNTHETIC or row.deal_date < prepared.known_until):
            yield row


def _good(source: Source) -> Iterator[Event]:
    for row in read_rows(source.path, source.mapping, today=shanghai_today()):
        if not isinstance(row, RejectedRow):
            yield row


def _learn(
    deals: Sequence[Deal],
    communities: Sequence[Community],
    until: date,
    settings: Settings,
    tell: Tell,
    licences: Licences,
) -> None:
    tell(f"Learning from {len(deals):,} deals …")
    try:
        refuse_unlicensed(deals, licences, shanghai_today())
    except UnlicensedSourcesError as error:
        raise CommandError(str(error)) from error
    artefacts = train(deals, until=until, communities=communities, licences=licences)
    released = [
        keep_release(artefact.content, settings, ModelRole.CHAMPION, by="demonstration") for artefact in artefacts
    ]
    announce_releases(released, settings)
    for release in released:
        tell(f"model {release.name} {release.version} released")
    admitted = admissions([one.manifest for one in artefacts], deals, policy_in_force(settings), utc_now())
    write_standings(admitted, settings)
    for standing in admitted:
        tell(f"segment {standing.segment} admitted{'' if standing.by_rule else ', though it does not reach the rule'}")
