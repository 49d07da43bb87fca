"""`avm evaluate communities`: how well addresses as people type them lead to the right community of a dictionary."""

import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from infra.cli import CommandError
from producers.simulator.mistyping import Kind, Named, Typist

if TYPE_CHECKING:
    from schemas.events import Community
    from streams.enrichment.index import CommunityIndex

_ANSWERED = 0.9
_UNKNOWN_SHARE = 20  # one name in twenty is taken out of the dictionary, live, and asked for
_ROUNDS = 3
_MOST_UNKNOWN = 4_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many addresses are asked: of each kind, and of the mixture, whose figures are the headline."""

    sampled: int = 1_500
    mixed: int = 6_000


_SIZES = Sizes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One address and what became of it. `rank` is the place of a right candidate, from 1; 0: not among them."""

    rank: int
    probability: float
    is_accepted: bool
    is_question: bool
    us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of one kind of address. Shares are in 0..1, times in microseconds from the entered text to the candidates."""

    n: int
    top1: float
    top3: float
    accepted: float
    right_when_accepted: float
    asked: float
    us_mean: float
    us_p99: float


class Evaluation:
    """A dictionary in an index, and the hand that types its addresses. The same seed asks the same addresses."""

    def __init__(
        self, communities: Sequence["Community"], seed: int, index: "type[CommunityIndex] | None" = None
    ) -> None:
        from schemas.domain.divisions import divisions
        from streams.enrichment.index import CommunityIndex

        self.divisions = divisions()
        self.index = (index or CommunityIndex)(self.divisions)
        for community in communities:
            self.index.put(community)
        self.communities = tuple(communities)
        self._spellings = {community.community_id: _spelling(community) for community in communities}
        self.typist = Typist(map(as_named, communities))
        self._seed = seed

    def known(self, kind: Kind, count: int) -> list[Asked]:
        """Addresses of communities that are in the dictionary."""
        rng = random.Random(f"{self._seed} {kind}")
        chosen = rng.choices(self.communities, k=count)
        return [self._ask(community, self.typist.write(as_named(community), kind, rng)) for community in chosen]

    def unknown(self, kind: Kind, count: int) -> list[Asked]:
        """Addresses of communities taken out of the dictionary for the while, with all their namesakes of the city.

        One name in twenty at a time, so that the dictionary stays what it is; `count` at most, in three rounds.
        """
        rng = random.Random(f"{self._seed} unknown {kind}")
        asked: list[Asked] = []
        for _ in range(_ROUNDS):
            most = min(count // _ROUNDS + 1, len(self.communities) // _UNKNOWN_SHARE or 1)
            held_out = rng.sample(self.communities, most)
            gone = self.take_out(held_out)
            try:
                asked += [self._ask(one, self.typist.write(as_named(one), kind, rng)) for one in held_out]
            finally:
                self.put_back(gone)
        return asked

    def take_out(self, held_out: Iterable["Community"]) -> list["Community"]:
        """Remove communities and all their namesakes of the city from the index; returns what went."""
        spellings = {self._spellings[community.community_id] for community in held_out}
        gone = [one for one in self.communities if self._spellings[one.community_id] in spellings]
        for community in gone:
            self.index.remove(community.community_id)
        return gone

    def put_back(self, gone: Iterable["Community"]) -> None:
        """Undo `take_out`."""
        for community in gone:
            self.index.put(community)

    @property
    def cities(self) -> list[str]:
        """The cities of the dictionary."""
        return sorted({community.city for community in self.communities})

    def look_up_us(self, count: int) -> list[float]:
        """Microseconds of the look-up alone, for mixed addresses that are parsed beforehand."""
        from streams.enrichment.parse import parse
        from streams.enrichment.readings import arranged, doubtful, heads

        rng = random.Random(f"{self._seed} look-up")
        chosen = rng.choices(self.communities, k=count)
        texts = [self.typist.write(as_named(community), Kind.MIXED, rng) for community in chosen]
        times = []
        for parsed in [parse(arranged(text, self.divisions), self.divisions) for text in texts]:
            began = time.thread_time()
            self.index.find(
                heads(parsed), city=parsed.place.city, counties=parsed.place.counties, doubtful=doubtful(parsed)
            )
            times.append((time.thread_time() - began) * 1e6)
        return times

    def _ask(self, truth: "Community", text: str) -> Asked:
        from streams.enrichment.resolve import read, resolve

        began = time.thread_time()
        found = resolve(text, self.index, self.divisions)
        us = (time.thread_time() - began) * 1e6
        _, matches = read(text, self.index, self.divisions)
        right = [self.is_right(match.entry.community, truth, text) for match in matches]
        return Asked(
            rank=right.index(True) + 1 if True in right else 0,
            probability=matches[0].probability if matches else 0.0,
            is_accepted=found.chosen is not None,
            is_question=found.is_ambiguous,
            us=us,
        )

    @staticmethod
    def is_right(found: "Community", truth: "Community", text: str) -> bool:
        """The community itself, or a namesake in the same city that nothing written in the address tells from it."""
        if _spelling(found) != _spelling(truth):
            return False
        told_apart = bool(truth.district) and truth.district[:-1] in text and found.district != truth.district
        return not told_apart


def as_named(community: "Community") -> Named:
    """What the typist needs to know of a community."""
    return Named(name=community.name, city=community.city, district=community.district or None)


def _spelling(community: "Community") -> tuple[str, str]:
    from streams.enrichment import names

    return community.city, names.key(community.name)


def scores(asked: Sequence[Asked]) -> Scores:
    """Shares and times of what was asked."""
    accepted = [one for one in asked if one.is_accepted]
    times = sorted(one.us for one in asked)
    return Scores(
        n=len(asked),
        top1=_share(one.rank == 1 for one in asked),
        top3=_share(0 < one.rank <= 3 for one in asked),  # noqa: PLR2004 - top-3
        accepted=_share(one.is_accepted for one in asked),
        right_when_accepted=_share(one.rank == 1 for one in accepted),
        asked=_share(one.is_question for one in asked),
        us_mean=sum(times) / len(times),
        us_p99=times[int(0.99 * len(times))],
    )


def at_threshold(known: Sequence[Asked], unknown: Sequence[Asked]) -> tuple[float, float, float]:
    """Of the surest nine tenths of the known: the least probability, the share right, and the unknown answered there.

    "The unknown answered": the share of names not in the dictionary whose likeliest candidate is as probable.
    """
    surest = sorted(known, key=lambda one: -one.probability)[: max(1, int(_ANSWERED * len(known)))]
    threshold = surest[-1].probability
    return threshold, _share(one.rank == 1 for one in surest), _share(one.probability >= threshold for one in unknown)


def _share(events: Iterable[bool]) -> float:
    counted = list(events)
    return sum(counted) / len(counted) if counted else 0.0


def calibration(known: Sequence[Asked], unknown: Sequence[Asked]) -> list[dict[str, float]]:
    """Ten classes of stated probability: how many, their mean, and how many were right."""
    rows = []
    asked = (*known, *unknown)
    for tenth in range(10):
        inside = [one for one in asked if tenth <= min(one.probability * 10, 9.999) < tenth + 1 and one.probability > 0]
        if inside:
            mean = sum(one.probability for one in inside) / len(inside)
            rows.append({"n": len(inside), "stated": mean, "right": _share(one.rank == 1 for one in inside)})
    return rows


def measure(evaluation: Evaluation, sizes: Sizes) -> dict[str, Any]:
    """Everything the command prints."""
    by_kind = {kind.value: scores(evaluation.known(kind, sizes.sampled)) for kind in Kind if kind is not Kind.MIXED}
    known = evaluation.known(Kind.MIXED, sizes.mixed)
    unknown = evaluation.unknown(Kind.MIXED, _MOST_UNKNOWN)
    by_kind |= {
        Kind.MIXED.value: scores(known),
        "unknown, complete": scores(evaluation.unknown(Kind.COMPLETE, _MOST_UNKNOWN)),
        "unknown, mixed": scores(unknown),
    }
    overall = by_kind[Kind.MIXED.value]
    threshold, right, false_accept = at_threshold(known, unknown)
    look_up = sorted(evaluation.look_up_us(sizes.sampled))
    return {
        "n": overall.n,
        "communities": len(evaluation.communities),
        "top1": round(overall.top1, 4),
        "top3": round(overall.top3, 4),
        "top1_at_90_answered": round(right, 4),
        "false_accept": round(false_accept, 4),
        "threshold": threshold,
        "us_mean": round(overall.us_mean, 1),
        "us_p99": round(overall.us_p99, 1),
        "look_up_us_mean": round(sum(look_up) / len(look_up), 1),
        "look_up_us_p99": round(look_up[int(0.99 * len(look_up))], 1),
        "calibration": [
            {name: round(value, 4) for name, value in row.items()}
            for row in calibration(known, unknown[: len(known) // 5])
        ],  # one in six, as the chances are meant
        "by_kind": {kind: {f: round(getattr(s, f), 4) for f in Scores.__slots__} for kind, s in by_kind.items()},
    }


def evaluate_communities(
    dictionary: Annotated[list[Path], typer.Option(help="CSV, XLSX or Parquet; may be given several times.")],
    more: Annotated[list[Path] | None, typer.Argument(help="Further dictionaries.")] = None,
    mapping: Annotated[list[Path] | None, typer.Option(help="One for each dictionary, in their order.")] = None,
    city: Annotated[str | None, typer.Option(help="City of dictionaries that do not say theirs, e.g. 杭州市.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed asks the same addresses.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Type seeded addresses of the communities of a dictionary, resolve them, and say how often that was right.

    An answer is right when city and normalised name are the truth's; of namesakes in one city, each is right unless the
    address names the district. A namesake in another city is wrong, whether a city was written or not.
    """
    from infra.cli.evaluate.dictionary import DictionaryError, read_dictionary

    files = [*dictionary, *(more or [])]
    mappings: list[Path | None] = [*(mapping or [])]
    if mappings and len(mappings) != len(files):
        raise CommandError(f"{len(files)} dictionaries but {len(mappings)} mappings; give one --mapping each, or none")
    try:
        communities = [
            community
            for path, chosen in zip(files, mappings or [None] * len(files), strict=True)
            for community in read_dictionary(path, mapping=chosen, city=city)
        ]
    except DictionaryError as error:
        raise CommandError(str(error)) from error
    result = measure(Evaluation(communities, seed), _SIZES)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    kinds = Column("kind", min_width=max(map(len, result["by_kind"])), no_wrap=True)
    table = Table(kinds, "n", "top-1", "top-3", "accepted", "of these right", "asked", "µs", "µs p99")
    for kind, one in result["by_kind"].items():
        shares = (one["top1"], one["top3"], one["accepted"], one["right_when_accepted"], one["asked"])
        table.add_row(
            kind,
            f"{one['n']:,}",
            *(f"{100 * share:.1f}" for share in shares),
            *(f"{one[f]:,.0f}" for f in ("us_mean", "us_p99")),
        )
    console = Console()
    console.print(table)
    console.print(
        f"{result['communities']:,} communities. Mixed, the surest 90 % (probability ≥ {result['threshold']:.3f}): "
        f"{100 * result['top1_at_90_answered']:.2f} % right; unknown names answered there: "
        f"{100 * result['false_accept']:.1f} %. Look-up alone: {result['look_up_us_mean']:,.0f} µs mean, "
        f"{result['look_up_us_p99']:,.0f} µs p99."
    )
