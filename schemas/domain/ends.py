"""What ends a valuation, the same for everybody who reads the topic of results (docs/commands.md).

Of several ends the first in the partition stands; one that names what it supersedes came of a dispute and replaces it.
A refusal (revision 0) answers the sender of one message and ends nothing.
"""

from typing import Final

from schemas.codes import Reason
from schemas.domain.refusal import REFUSAL_REVISION
from schemas.events import Resulted

_ABOUT_ONE_MESSAGE: Final = frozenset(
    {Reason.DUPLICATE_CONFLICT, Reason.DISPUTE, Reason.ALREADY_FINAL, Reason.NOT_FOUND}
)


def is_end(resulted: Resulted) -> bool:
    """Whether an answer is the last word on what was asked and accepted."""
    return resulted.status.is_final and resulted.revision > REFUSAL_REVISION


def is_about_another(resulted: Resulted) -> bool:
    """Whether an answer refuses a message about an earlier request: a second one, a dispute or a command.

    A refused first request is none: nothing else was ever said under its number.
    """
    is_second = bool(resulted.update) or not _ABOUT_ONE_MESSAGE.isdisjoint(resulted.reasons)
    return resulted.revision == REFUSAL_REVISION and is_second


def is_of_a_dispute(resulted: Resulted) -> bool:
    """Whether an answer came of a dispute, be it on the way: it may follow an end."""
    return resulted.supersedes is not None or Reason.DISPUTE in resulted.reasons
