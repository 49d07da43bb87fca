"""The synthetic market of these tests: small, made and learned from by the commands an operator has."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from producers.simulator.market import Market, generate
from producers.simulator.places import CITIES
from producers.simulator.requests import Kind, SimulatedRequest, requests
from tests.e2e.system import Avm

SEED, COMMUNITIES, DEALS = 7, 300, 6_000
FILES = {"coverage": "coverage.csv", "communities": "communities.parquet", "deals": "deals.parquet"}
_DRAWN, _HARD_SHARE = 3_000, 0.5
_BY_DECISION = ("--by=s-1", "--second=s-2", "--reason=a market for tests")
_WELL_KNOWN_DEALS = 15  # in so many deals a house of the community is valued without a person


@dataclass(frozen=True)
class SmallMarket:
    """Its files, and models trained on them. `made` and `trained` are what the commands said."""

    folder: Path
    made: Mapping[str, Any]
    trained: Mapping[str, Any]

    @classmethod
    def prepared(cls, avm: Avm, folder: Path) -> "SmallMarket":
        """Generate and train; needs no broker."""
        sizes = (f"--seed={SEED}", f"--communities={COMMUNITIES}", f"--deals={DEALS}")
        made = avm.json("market", "generate", f"--out={folder}", *sizes)
        deals, communities = folder / FILES["deals"], folder / FILES["communities"]
        learn = (f"--out={folder / 'models'}", f"--deals={deals}", f"--communities={communities}")
        return cls(folder=folder, made=made, trained=avm.json("model", "train", *learn))

    def load_into(self, avm: Avm) -> dict[str, dict[str, Any]]:
        """Register the source, load every table, release the models into the running stack; what each command said."""
        avm.json("sources", "put", f"--file={self.folder / 'sources.toml'}")
        said = {
            what: avm.json("reference", "load", self.folder / file, f"--topic={what}") for what, file in FILES.items()
        }
        models = avm.json("model", "release", self.folder / "models")
        return {**said, "models": models, "segments": avm.json("segments", "admit", *self.segments, *_BY_DECISION)}

    @property
    def segments(self) -> tuple[str, ...]:
        """Every segment of the market: too small, each, to reach the rule."""
        return tuple(f"{city.name}|{kind}" for city in CITIES for kind in ("RESIDENTIAL", "VILLA", "COMMERCIAL"))

    def house(self, kind: Kind = Kind.ORDINARY) -> SimulatedRequest:
        """A request of that kind that nobody was given before, with its truth; an ordinary one is sure to be valued."""
        return next(self._by_kind[kind])

    def mixed(self, *, seed: int, count: int) -> tuple[SimulatedRequest, ...]:
        """Requests as they come in over a day, a few of them hard; among them are some that `house` gives."""
        return requests(self._simulated, seed=seed, count=count)

    @cached_property
    def _simulated(self) -> Market:
        until = date.fromisoformat(self.made["until"])
        return generate(SEED, communities=COMMUNITIES, deals=DEALS, until=until)

    @cached_property
    def _by_kind(self) -> dict[Kind, Iterator[SimulatedRequest]]:
        drawn = requests(self._simulated, seed=SEED, count=_DRAWN, hard_share=_HARD_SHARE)
        deals = Counter(self._simulated.deals["community_id"])
        homes = list(self._simulated.communities.select("community_id", "name", "district").iter_rows())
        named = Counter((name, district) for _, name, district in homes)
        alone = {community_id for community_id, name, district in homes if named[name, district] == 1}
        sure = [
            asked
            for asked in drawn
            if asked.kind is not Kind.ORDINARY
            or (deals[asked.community_id] >= _WELL_KNOWN_DEALS and asked.community_id in alone)
        ]
        return {kind: iter([asked for asked in sure if asked.kind is kind]) for kind in Kind}
