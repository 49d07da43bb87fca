"""What a verified fact rests on, in words that stand on the page."""

from dataclasses import replace
from datetime import date

import pytest

from consumers.review_desk.pages.evidence import evidence_of
from schemas.codes import VerificationOutcome
from schemas.events import VerificationCheck

CHECK = VerificationCheck(
    field="UNIT",
    outcome=VerificationOutcome.CONFIRMED,
    text="户室与登记一致",
    source="property-registry",
    evidence="c-1|3|2|501",
    known_on=date(2026, 11, 20),
)


@pytest.mark.requirement("VF2")
@pytest.mark.parametrize(
    ("check", "words"),
    [
        (CHECK, "房产登记 c-1|3|2|501（2026-11-20）"),
        (replace(CHECK, source="register-of-a-bank", known_on=None), "其他数据来源 c-1|3|2|501"),
        (replace(CHECK, evidence=None), "房产登记（2026-11-20）"),
        (replace(CHECK, source=None), None),
    ],
)
def test_the_source_of_a_fact_is_named_in_chinese_with_its_row_and_day(check, words):
    assert evidence_of(check) == words
