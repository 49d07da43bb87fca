"""What others vouch for on a report: the sources of a verification, and the people of a manual value."""

from collections.abc import Iterator
from typing import Any

from schemas.events import HumanDecision, Verification, VerificationCheck
from streams.reporting.numbers import NOTHING, minute
from streams.reporting.texts import Texts


def verification(told: Verification | None, texts: Texts) -> dict[str, Any] | None:
    """房屋信息核验: the outcome and a row for each fact, stated beside found, in the order of the event."""
    if told is None:
        return None
    return {
        "code": told.outcome.value,
        "outcome": texts.word("outcome", told.outcome),
        "text": told.text,
        "checks": [_check(check, texts) for check in told.checks],
        "unavailable": list(told.unavailable_sources),
    }


def _check(check: VerificationCheck, texts: Texts) -> dict[str, Any]:
    name = None if check.source is None else texts.code("source", check.source)
    source = " ".join(part for part in (name, check.known_on and check.known_on.isoformat()) if part)
    return {
        "code": check.outcome.value,
        "field": texts.code("checked", check.field),
        "stated": check.stated or NOTHING,
        "found": check.found or NOTHING,
        "outcome": texts.word("outcome", check.outcome),
        "text": check.text,
        "source": source or NOTHING,
    }


def signatures(human: HumanDecision | None, texts: Texts) -> Iterator[dict[str, str]]:
    """签字: who stands for a manual value, by signing number; nobody for an automatic one. No name is ever here."""
    for one in human.signatories if human else ():
        yield {
            "capacity": texts.code("capacity", one.capacity),
            "signing_no": one.signing_no,
            "grade": texts.code("grade", one.grade),
            "signed_at": minute(one.signed_at),
        }
