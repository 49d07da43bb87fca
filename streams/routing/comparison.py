"""What people valued during an outage beside what the model says afterwards, and what still waits."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codes import Handling, ReviewOutcome
from schemas.events import Decided, Degraded


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One valuation by a person and by the model, in yuan per m². `deviation` is model / person − 1."""

    valuation_id: str
    manual_unit_price: int
    model_unit_price: int
    model: str

    @property
    def deviation(self) -> float:
        """The share by which the model lies above the person."""
        return self.model_unit_price / self.manual_unit_price - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Where the valuations stand that met no model: counts of valuations, and the comparisons there are."""

    with_people: int
    parked: int
    resumed: int
    comparisons: tuple[Comparison, ...]


def aftermath(records: Iterable[Degraded], decided: Iterable[Decided]) -> Aftermath:
    """The standing after all records, each valuation by its last one; records in the order of their topic."""
    decisions = {one.valuation_id: one for one in decided if one.outcome is ReviewOutcome.VALUE and one.unit_price}
    people, last = set[str](), dict[str, Degraded]()
    for record in records:
        last[record.valuation_id] = record
        if record.handling is Handling.REVIEW:
            people.add(record.valuation_id)
    handled = [record.handling for name, record in last.items() if name not in people]
    found = (_comparison(record, decisions.get(name)) for name, record in last.items())
    return Aftermath(
        with_people=len(people),
        parked=handled.count(Handling.PARKED),
        resumed=handled.count(Handling.RESUMED),
        comparisons=tuple(one for one in found if one is not None),
    )


def _comparison(record: Degraded, decided: Decided | None) -> Comparison | None:
    valuation = record.scored.valuation
    if record.handling is not Handling.COMPARED or valuation is None or decided is None or not decided.unit_price:
        return None
    return Comparison(
        valuation_id=record.valuation_id,
        manual_unit_price=decided.unit_price,
        model_unit_price=valuation.unit_price,
        model=record.release or "",
    )
