"""A model on trial: which properties it answers, and what becomes of its failures."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from schemas.codes import ModelRole
from schemas.domain.property_key import property_key
from schemas.events import Enriched, ResolvedAddress, Valuation
from streams.scoring.reference import Scorer
from streams.scoring.valuation import value_batch

_LOTS: Final = 2**64


def property_of(address: ResolvedAddress) -> str:
    """What stands for the property: community, building and unit, so that twin flats meet the same model.

    The normalised address where the community is not known.
    """
    if not address.community_id:
        return address.normalised
    return property_key(address.community_id, address.building, address.unit)


def is_drawn(key: str, *, share: float, version: str) -> bool:
    """Whether a property is in the canary of a model: by lot, the same on every replay and in every process.

    The lot hangs on the model's version, so that not the same houses try out every model. A greater share keeps the
    properties of a smaller one.
    """
    lot = hashlib.sha256(f"{version}|{key}".encode()).digest()
    return int.from_bytes(lot[:8]) < share * _LOTS


def in_canary(enriched: Enriched, challenger: Scorer) -> bool:
    """Whether the challenger answers this request."""
    key = property_of(enriched.address)
    return is_drawn(key, share=challenger.share, version=challenger.model.version)


def tried(batch: Sequence[Enriched], scorer: Scorer) -> list[Valuation | None] | Exception:
    """What a model makes of a batch, or what it raised: nobody's answer may hang on a model that is on trial."""
    try:
        return [_marked(valuation, scorer) for valuation in value_batch(batch, scorer, scorer.rents)]
    except Exception as error:  # noqa: BLE001 -- whatever it is, the champion answers instead
        return error


def _marked(valuation: Valuation | None, scorer: Scorer) -> Valuation | None:
    """The answer under the model's own name: it keeps it when it is promoted, the role says that it was on trial."""
    if valuation is None or scorer.role is ModelRole.CHAMPION:
        return valuation
    reference = replace(valuation.model, name=str(scorer.model.manifest["name"]), role=scorer.role)
    return replace(valuation, model=reference)
