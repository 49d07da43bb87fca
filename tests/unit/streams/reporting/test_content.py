import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import LimitingFactor, LoanStage, MatchLevel, ModelRole, Product, VerificationOutcome
from schemas.domain.chinese_amount import in_words
from streams.reporting import sample
from streams.reporting.chart import chart
from streams.reporting.content import slip
from streams.reporting.identity import report_no, verification_code
from streams.reporting.notices import is_synthetic
from streams.reporting.package import SHIPPED

GOLDEN = Path(__file__).parents[3] / "golden" / "slip"


@pytest.mark.requirement("RP2", "RP4")
@pytest.mark.parametrize("name", sorted(path.stem for path in (SHIPPED / "samples").glob("*.json")))
def test_the_content_of_a_slip_is_the_golden_one(name, terms):
    content = slip(sample.shipped(name), terms).content
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "if the change is meant: UPDATE_GOLDEN=1 and read the diff"


@pytest.mark.requirement("RP3")
@given(value=st.integers(min_value=1, max_value=10**11))
def test_digits_and_words_come_from_the_same_value(terms, value):
    told = slip(replace(sample.automatic(), value=value), terms).content["value"]
    assert told["total"].replace(",", "") == str(value)
    assert told["words"] == in_words(value)


@pytest.mark.requirement("RP1")
def test_there_is_no_slip_without_a_value(terms):
    with pytest.raises(ValueError, match="no slip without a value"):
        slip(replace(sample.automatic(), value=None), terms)


def test_a_report_number_follows_from_the_event_and_is_of_the_shanghai_day():
    result = replace(sample.automatic(), resulted_at=datetime(2026, 11, 23, 16, 0, 1, tzinfo=UTC))
    assert report_no(result) == report_no(result)
    assert report_no(result).startswith("GJ-20261124-")
    assert report_no(replace(result, revision=2)) == report_no(result).removesuffix("-1") + "-2"


def test_a_report_number_holds_sixty_bits_of_the_valuation_and_can_be_read_aloud():
    ids = [UUID(bytes=sha256(str(place).encode()).digest()[:16], version=5) for place in range(512)]
    numbers = [report_no(replace(sample.automatic(), valuation_id=str(one))) for one in ids]
    marks = [re.fullmatch(r"GJ-\d{8}-((?:[0-9A-HJKMNP-TV-Z]{4}-){3})1", number).group(1) for number in numbers]
    for place in set(range(15)) - {4, 9, 14}:
        assert len({mark[place] for mark in marks}) == 32, f"character {place} does not tell ids apart"


def test_another_value_has_another_digest_and_another_code(terms):
    one = slip(sample.automatic(), terms)
    other = slip(replace(sample.automatic(), upper=4_189_001), terms)
    assert one.report_no == other.report_no
    assert one.content["digest"] != other.content["digest"]
    assert one.verification_code != other.verification_code
    assert one.verification_code == verification_code(one.content["digest"])
    assert one.content["verification_url"] == (
        f"https://valuation.example/verify/{one.report_no}?code={one.verification_code}"
    )


def test_a_slip_says_whether_its_market_is_made_up(terms):
    made_up = sample.automatic()
    rows = tuple(replace(row, source="licensed-registry") for row in made_up.valuation.comparables)
    licensed = replace(made_up, valuation=replace(made_up.valuation, comparables=rows, sources=("licensed-registry",)))
    one_made_up = replace(
        licensed, valuation=replace(licensed.valuation, comparables=made_up.valuation.comparables[:1])
    )
    assert [is_synthetic(result) for result in (made_up, licensed, one_made_up)] == [True, False, True]
    assert slip(made_up, terms).content["watermark"] == "合成市场数据 仅供演示"
    assert slip(licensed, terms).content["watermark"] is None


@pytest.mark.requirement("VM8")
def test_a_value_of_a_model_on_trial_says_so(terms):
    made = sample.automatic()
    on_trial = replace(made.valuation, model=replace(made.valuation.model, role=ModelRole.CHALLENGER))
    named = dict(slip(made, terms).content["method"])["估值模型"]
    assert (
        dict(slip(replace(made, valuation=on_trial), terms).content["method"])["估值模型"] == f"{named}（试运行模型）"
    )


def test_a_reviewer_s_value_shows_no_certainty_of_the_model(terms):
    content = slip(sample.manual(), terms).content
    assert (content["value"]["confidence"], content["value"]["coverage"], content["drivers"]) == (None, None, None)
    assert ["估值人员", "高级估值师，已双人复核"] in content["method"]


def test_a_value_without_any_evidence_of_a_model_still_has_a_slip(terms):
    bare = replace(sample.manual(), valuation=None, lower=None, upper=None, address=None, attributes=None)
    content = slip(bare, terms).content
    assert content["chart"] is None
    assert content["comparables"] == []
    assert content["value"]["range"] == "—"
    assert ["估值方法", "人工估值（市场比较法）"] in content["method"]


@pytest.mark.requirement("RP5")
@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("product", Product),
        ("loan_stage", LoanStage),
        ("match_level", MatchLevel),
        ("outcome", VerificationOutcome),
    ],
)
def test_every_code_on_a_report_has_chinese_words(package, table, codes):
    assert set(package.texts.tables[table]) == set(codes)


@pytest.mark.requirement("AD5")
def test_every_limiting_factor_of_the_value_is_printed_as_a_condition(terms):
    result = sample.automatic()
    factors = (LimitingFactor.FAST_MARKET, "FALLBACK_LEVEL_4", "FROM_TOMORROW")
    result = replace(result, valuation=replace(result.valuation, limiting_factors=factors))
    assert slip(result, terms).content["conditions"][0] == (
        "本次估值的限制因素：近期市场价格变动较快；小区自身成交不足，参考范围扩大至所在商圈；其他限制因素。"
    )


@given(st.lists(st.integers(min_value=1_000, max_value=200_000), min_size=1, max_size=6), st.integers(1_000, 200_000))
def test_everything_on_the_chart_lies_inside_it_and_keeps_its_order(prices, unit_price):
    result = sample.automatic()
    row = result.valuation.comparables[0]
    rows = tuple(replace(row, adjusted_unit_price=price) for price in prices)
    area = float(result.area_m2)
    drawn = chart(
        replace(
            result,
            unit_price=unit_price,
            lower=int(unit_price * 0.9 * area),
            upper=int(unit_price * 1.1 * area),
            valuation=replace(result.valuation, comparables=rows),
        )
    )
    places = [dot["at"] for dot in drawn["dots"]]
    assert all(0 <= at <= 1 for at in [*places, drawn["value"], drawn["lower"], drawn["upper"]])
    assert drawn["lower"] <= drawn["value"] <= drawn["upper"]
    assert 1 <= len(drawn["ticks"]) <= 7
    for price, at in zip(prices, places, strict=True):
        assert (at <= drawn["value"]) == (price <= unit_price) or abs(at - drawn["value"]) < 0.001
