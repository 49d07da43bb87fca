"""Verifying a house: every source asked, every fact compared, one outcome.

| outcome      | when                                                                                          |
| ------------ | --------------------------------------------------------------------------------------------- |
| NOT_FOUND    | a source that lists all there are does not list it                                            |
| MISMATCH     | else: a source says something else than was stated                                            |
| CONFIRMED    | else: the door, the commodity house and the area are confirmed, and every source could answer |
| UNVERIFIABLE | else: nobody can say                                                                          |
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.codes import Reason, ServiceType, VerificationOutcome
from schemas.domain.deliveries import Deliveries
from schemas.domain.provenance import is_synthetic
from schemas.events import Verification, VerificationCheck
from streams.enrichment.verification import registered, sentences
from streams.enrichment.verification.comparing import verdict
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Absent, Finding, Known, VerificationSource

ESSENTIAL: Final = frozenset({Field.UNIT, Field.TRADABILITY, Field.AREA})
"""What has to be confirmed for a house to be: that it exists, may be sold, and is as large as it is said to be."""
ANOTHER_HOUSE: Final = frozenset({Field.COMMUNITY, Field.BUILDING, Field.UNIT, Field.AREA})
"""Stated wrong, it is a value of another house that would be given."""
_ALWAYS: Final = frozenset({Field.COMMUNITY, *ESSENTIAL})
_ASKED_FOR: Final = frozenset({ServiceType.VERIFY, ServiceType.VERIFY_AND_VALUATE})


def is_asked_for(service: ServiceType) -> bool:
    """Whether a service has a verification in its answer."""
    return service in _ASKED_FOR


def verify(
    house: House, sources: Sequence[VerificationSource], deliveries: Deliveries, *, now: datetime
) -> Verification:
    """Compare a house with what the sources know, the first to decide a fact being believed.

    A source that is down at `now` is not listened to: what only it knows is UNVERIFIABLE, and nothing is CONFIRMED as
    a whole without it.
    """
    findings: list[Finding] = []
    unavailable: list[str] = []
    for source in sources:
        down = deliveries.unavailable(source.asked(house), now)
        unavailable += down
        findings += _heard(source.findings(house), down)
    is_down = bool(unavailable)
    checks = tuple(
        _check(field, house, [one for one in findings if one.field is field], is_down=is_down)
        for field in Field
        if field in _ALWAYS or sentences.stated(field, house) is not None
    )
    outcome = _outcome(checks, is_down=is_down)
    return Verification(
        outcome=outcome,
        text=sentences.concluded(outcome, checks, is_down=is_down),
        checks=checks,
        verified_at=now,
        synthetic=any(check.source is not None and is_synthetic(check.source) for check in checks),
        unavailable_sources=tuple(dict.fromkeys(unavailable)),
    )


def concerns(verification: Verification, service: ServiceType) -> tuple[Reason, ...]:
    """Why a person must look at a house that is valued.

    People registered what they established, so a contradiction of that always counts. Where verification was asked for,
    so does everything by which another house may be meant, whoever says so, and a house that nobody knows.
    """
    differing = [check for check in verification.checks if check.outcome is VerificationOutcome.MISMATCH]
    asked = is_asked_for(service)
    found = []
    if any(check.source == registered.NAME or (asked and check.field in ANOTHER_HOUSE) for check in differing):
        found.append(Reason.VERIFY_MISMATCH)
    if asked and verification.outcome is VerificationOutcome.NOT_FOUND:
        found.append(Reason.VERIFY_NOT_FOUND)
    return tuple(found)


def _heard(findings: Sequence[Finding], down: Sequence[str]) -> Iterator[Finding]:
    """What counts of a source's findings: that something is absent, only if all who would list it could be asked."""
    for finding in findings:
        if not (down if isinstance(finding, Absent) else finding.source in down):
            yield finding


def _check(field: Field, house: House, findings: Sequence[Finding], *, is_down: bool) -> VerificationCheck:
    said = sentences.stated(field, house)
    known = [finding for finding in findings if isinstance(finding, Known)]
    for fact in known:
        outcome = verdict(house, fact)
        if outcome is VerificationOutcome.CONFIRMED:
            return _said(field, outcome, sentences.confirmed(field, fact), said, fact)
        if outcome is VerificationOutcome.MISMATCH:
            return _said(field, outcome, sentences.mismatch(field, said, fact), said, fact)
    absent = next((finding for finding in findings if isinstance(finding, Absent)), None)
    if absent is not None:
        return VerificationCheck(
            field=field,
            outcome=VerificationOutcome.NOT_FOUND,
            text=sentences.not_found(field, said, absent),
            stated=said,
            source=absent.source,
        )
    nearest = next(iter(known), None)
    text = sentences.unverifiable(field, house, nearest, is_down=is_down)
    return _said(field, VerificationOutcome.UNVERIFIABLE, text, said, nearest)


def _said(
    field: Field, outcome: VerificationOutcome, text: str, stated: str | None, known: Known | None
) -> VerificationCheck:
    check = VerificationCheck(field=field, outcome=outcome, text=text, stated=stated)
    if known is None:
        return check
    return replace(check, found=known.shown, source=known.source, evidence=known.evidence, known_on=known.known_on)


def _outcome(checks: Sequence[VerificationCheck], *, is_down: bool) -> VerificationOutcome:
    found = {check.outcome for check in checks}
    for outcome in (VerificationOutcome.NOT_FOUND, VerificationOutcome.MISMATCH):
        if outcome in found:
            return outcome
    confirmed = {check.field for check in checks if check.outcome is VerificationOutcome.CONFIRMED}
    is_confirmed = confirmed >= ESSENTIAL and not is_down
    return VerificationOutcome.CONFIRMED if is_confirmed else VerificationOutcome.UNVERIFIABLE
