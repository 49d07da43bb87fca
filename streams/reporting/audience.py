"""Who a report is for, by its channel's profile, and what one for a customer says in the place of evidence.

| on the page and in `report.json`     | for the bank's staff     | for a customer                         |
| ------------------------------------ | ------------------------ | -------------------------------------- |
| comparables and their chart          | each with its figures    | how many there were, in a sentence     |
| what moved the price                 | in yuan and per cent     | up or down                             |
| confidence                           | figure and grade         | grade                                  |
| policy, model, artefact, index, rents| named                    | nothing                                |
| verification                         | stated, found and source | stated and outcome                     |
| an answer issued again               | names the first one      | says that it is                        |

So a customer's own report tells nothing of other people's deals, as the answer itself does not
(`schemas/domain/projection.py`).
"""

from collections.abc import Iterator

from schemas.domain.channels import Profile, find
from schemas.domain.projection import INFLUENCE_TEXTS
from schemas.events import Resulted
from streams.reporting.texts import Texts

_INSIDE = frozenset({Profile.STAFF, Profile.INTERNAL})


def is_for_staff(result: Resulted) -> bool:
    """Whether a report stays inside the bank; one of a channel that is not registered here is not taken to."""
    channel = find(result.channel)
    return channel is not None and channel.profile in _INSIDE


def summary(result: Resulted, texts: Texts) -> str | None:
    """How many comparables there were, and nothing of any; `None` where there were none."""
    count = len(result.valuation.comparables) if result.valuation else 0
    return texts.say("words", "comparables", count=str(count)) if count else None


def influences(result: Resulted, texts: Texts) -> Iterator[list[str]]:
    """What moved the unit price and which way, strongest first; only of a model's value, as with figures."""
    if result.valuation is None or result.human is not None:
        return
    for part in sorted(result.valuation.reasons, key=lambda part: -abs(part.unit_price_change)):
        if part.factor in INFLUENCE_TEXTS and part.unit_price_change:
            yield [texts.driver(part), texts.word("influence", "UP" if part.unit_price_change > 0 else "DOWN")]
