"""What may be learned from and valued by: the licences of the sources, asked on a day. Pure.

A source that is not registered is not licensed. Only a composition root that says so (`Licences.waived`) goes without.
Judgements of people, which the bank gives under the service contract itself, may teach a model and are never deals.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Generic, Protocol, TypeVar

from schemas.codes import SourceUse
from schemas.domain.provenance import is_judgement
from schemas.errors import PermanentError
from schemas.events import Deal, SourceLicence

NAMELESS: Final = "(no source)"
"""What rows are called whose own `source` is empty."""


class UnlicensedSourcesError(PermanentError):
    """Rows come from sources that may not be used so; the message names each with its rows, and how to mend it."""

    def __init__(self, use: SourceUse, why: Mapping[str, tuple[int, str]]) -> None:
        self.sources = tuple(why)
        each = "; ".join(f"{source} ({rows:,} rows): {reason}" for source, (rows, reason) in why.items())
        super().__init__(f"not licensed for {use}: {each}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Licences:
    """What is known of the sources, by name. `waived`: nothing needs a licence, as where no bank is served."""

    rows: Mapping[str, SourceLicence] = field(default_factory=dict)
    waived: bool = False

    def why_not(self, source: str, use: SourceUse, on: date) -> str | None:
        """Why `source` may not be put to `use` on a day, and how to mend it; `None` where it may."""
        if is_judgement(source):
            return (
                None if use is SourceUse.TRAINING else "it is somebody's judgement, which is no evidence of the market"
            )
        if self.waived:
            return None
        if not source:
            return "its rows name no source; give `source` in the mapping and load them again"
        licence = self.rows.get(source)
        if licence is None:
            return f"it is not registered; register its licence with `avm sources put {source}`"
        return _fault(licence, use, on)

    def reference(self, source: str) -> str:
        """The contract number of a source's licence; empty where there is none."""
        licence = self.rows.get(source)
        return "" if licence is None else licence.reference

    def fresh_within_days(self, source: str) -> int | None:
        """How old its newest row may be; `None` for as old as it likes."""
        licence = self.rows.get(source)
        return None if licence is None else licence.fresh_within_days


UNREGISTERED: Final = Licences()
"""Nothing is known of any source."""


def _fault(licence: SourceLicence, use: SourceUse, on: date) -> str | None:
    renew = f"renew it with `avm sources put {licence.source}`"
    if licence.revoked_at is not None:
        reason = licence.revocation_reason or "no reason given"
        return f"licence {licence.reference} was revoked on {licence.revoked_at:%Y-%m-%d} ({reason})"
    if on < licence.valid_from:
        return f"licence {licence.reference} is valid from {licence.valid_from} only"
    if licence.valid_until is not None and on > licence.valid_until:
        return f"licence {licence.reference} expired on {licence.valid_until}; {renew}"
    if use not in licence.allowed_uses:
        allowed = ", ".join(licence.allowed_uses) or "nothing"
        return f"licence {licence.reference} allows {allowed}, not {use}; agree on it with {licence.holder} and {renew}"
    return None


# ---- training -----------------------------------------------------------------------------------------------------


def refuse_unlicensed(deals: Iterable[Deal], licences: Licences, on: date) -> None:
    """Raise `UnlicensedSourcesError` unless every deal's source may be learned from on this day."""
    rows = Counter(deal.source for deal in deals)
    why = {
        source or NAMELESS: (count, reason)
        for source, count in sorted(rows.items())
        if (reason := licences.why_not(source, SourceUse.TRAINING, on)) is not None
    }
    if why:
        raise UnlicensedSourcesError(SourceUse.TRAINING, why)


def learned_from(deals: Iterable[Deal], licences: Licences) -> list[dict[str, Any]]:
    """For the manifest, as `data.sources`: each source with its rows and, where registered, its licence."""
    rows = Counter(deal.source for deal in deals)
    return [
        {"source": source, "deals": count, **_terms(licences.rows.get(source))}
        for source, count in sorted(rows.items())
    ]


def _terms(licence: SourceLicence | None) -> dict[str, Any]:
    """What a manifest keeps of a licence: the values are null where the source was not registered."""
    if licence is None:
        return dict.fromkeys(("holder", "reference", "valid_from", "valid_until"))
    until = licence.valid_until
    return {
        "holder": licence.holder,
        "reference": licence.reference,
        "valid_from": licence.valid_from.isoformat(),
        "valid_until": None if until is None else until.isoformat(),
    }


# ---- serving ------------------------------------------------------------------------------------------------------


def sources_of(manifest: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The sources a model learned from; `None` for a manifest that does not say."""
    listed = manifest["data"].get("sources")
    return None if not isinstance(listed, list) or not listed else tuple(str(entry["source"]) for entry in listed)


def why_not_usable(manifest: Mapping[str, Any], licences: Licences, on: date) -> str | None:
    """Why a model may not answer on a day: a source it learned from may not be learned from now. `None` if it may."""
    if licences.waived:
        return None
    sources = sources_of(manifest)
    if sources is None:
        return "its manifest does not say which sources it learned from; train it again"
    faults = [
        f"{source or NAMELESS}: {reason}"
        for source in sources
        if (reason := licences.why_not(source, SourceUse.TRAINING, on)) is not None
    ]
    return f"it learned from sources that are not licensed for it: {'; '.join(faults)}" if faults else None


class Sourced(Protocol):
    """A row of reference data."""

    @property
    def source(self) -> str:
        """Who delivered it."""
        ...


R = TypeVar("R", bound=Sourced)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Generic[R]):
    """What a change of licences, or of the day, does: rows by id that may come back, sources whose rows must go."""

    back: Mapping[str, R]
    gone: frozenset[str]


class Gate(Generic[R]):
    """Which rows values may rest on today. Keeps the others aside, so that a licence brings them back at once."""

    def __init__(self, licences: Licences) -> None:
        """Until the first `follow` every source is judged to be without licence, unless licences are waived."""
        self._licences, self._on = licences, date.min
        self._may: dict[str, bool] = {}
        self._aside: dict[str, R] = {}

    def admits(self, row_id: str, row: R) -> bool:
        """Whether values may rest on the row; if not, it is kept aside in place of one of the same id."""
        self._aside.pop(row_id, None)
        if row.source not in self._may:
            self._may[row.source] = self._allowed(row.source)
        if self._may[row.source]:
            return True
        self._aside[row_id] = row
        return False

    def forget(self, row_id: str) -> None:
        """A row was deleted."""
        self._aside.pop(row_id, None)

    def follow(self, licences: Licences, on: date) -> Moved[R]:
        """Judge every source seen anew. Rows of `Moved.gone` must be taken out and kept aside by `set_aside`."""
        self._licences, self._on = licences, on
        before = self._may
        self._may = {source: self._allowed(source) for source in before}
        back = {row_id: row for row_id, row in self._aside.items() if self._may[row.source]}
        for row_id in back:
            del self._aside[row_id]
        gone = frozenset(source for source, may in before.items() if may and not self._may[source])
        return Moved(back=back, gone=gone)

    def set_aside(self, rows: Mapping[str, R]) -> None:
        """Keep rows, by id, that were taken out."""
        self._aside.update(rows)

    def refused(self) -> dict[str, str]:
        """Why the sources that are kept out are, by source; for the health page."""
        return {
            source or NAMELESS: why
            for source, may in sorted(self._may.items())
            if not may and (why := self._licences.why_not(source, SourceUse.COMPARABLES, self._on)) is not None
        }

    def _allowed(self, source: str) -> bool:
        return self._licences.why_not(source, SourceUse.COMPARABLES, self._on) is None
