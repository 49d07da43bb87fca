"""What others vouch for on a report: the sources of a verification, and the people of a manual value."""

from collections.abc import Iterator
from typing import Any

from schemas.events import HumanDecision, Verification, VerificationCheck
from streams.reporting.numbers import NOTHING, minute
from streams.reporting.texts import Texts


def verification(told: Verification | None, texts: Texts, *, for_staff: bool) -> dict[str, Any] | None:
    """房屋信息核验: the outcome and a row for each fact, stated beside found, in the order of the event.

    What was found, and where, is for staff: the sources' facts are not the customer's own.
    """
    if told is None:
        return None
    return {
        "code": told.outcome.value,
        "outcome": texts.word("outcome", told.outcome),
        "text": told.text,
        "checks": [_check(check, texts, for_staff=for_staff) for check in told.checks],
        "shows_sources": for_staff,
        "unavailable": list(told.unavailable_sources) if for_staff else [],
    }


def _check(check: VerificationCheck, texts: Texts, *, for_staff: bool) -> dict[str, Any]:
    name = None if check.source is None else texts.code("source", check.source)
    source = " ".join(part for part in (name, check.known_on and check.known_on.isoformat()) if part)
    return {
        "code": check.outcome.value,
        "field": texts.code("checked", check.field),
        "stated": check.stated or NOTHING,
        "found": (for_staff and check.found) or NOTHING,
        "outcome": texts.word("outcome", check.outcome),
        "text": check.text,
        "source": (for_staff and source) or NOTHING,
    }


def signatures(human: HumanDecision | None, texts: Texts) -> Iterator[dict[str, str | None]]:
    """签字: 估价 and 复核 of a manual value, by signing number; nobody for an automatic one. No name is ever here.

    Where one of the two is missing, `text` says why: no second person was asked for, or the register has no number for
    them.
    """
    if human is None:
        return
    signed = {one.capacity: one for one in human.signatories}
    for capacity in ("VALUER", "APPROVER"):
        told: dict[str, str | None] = {"capacity": texts.code("capacity", capacity)}
        if (one := signed.get(capacity)) is not None:
            grade, at = texts.code("grade", one.grade), minute(one.signed_at)
            yield told | {"signing_no": one.signing_no, "grade": grade, "signed_at": at, "text": None}
        else:
            was_asked_for = capacity == "VALUER" or human.four_eyes
            text = texts.word("unsigned", "UNKNOWN" if was_asked_for else "NOT_REQUIRED")
            yield told | {"signing_no": None, "grade": None, "signed_at": None, "text": text}
