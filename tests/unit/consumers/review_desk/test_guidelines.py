from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.review_desk.knowledge.full_text import contains, excerpt, query, terms
from consumers.review_desk.knowledge.guideline_set import (
    GuidelineDraft,
    GuidelineError,
    as_of,
    check,
    first_set,
    for_task,
    in_force,
    next_version,
)
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, Task
from schemas.codes import Reason

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
TASK = Task(
    task_id="t",
    valuation_id="v",
    revision=1,
    region=Region.YANGTZE_DELTA,
    city="杭州市",
    property_type="APARTMENT",
    skill="RESIDENTIAL",
    address="",
    area_m2=Decimal(90),
    reasons=(),
    priority=50,
    received_at=NOW,
    requested_at=NOW,
    due_at=NOW,
    queued_at=NOW,
)


def ids(guidelines):
    return [one.guideline_id for one in guidelines]


@pytest.mark.requirement("RD13")
def test_the_first_set_is_complete_and_in_force():
    shown = in_force(first_set(), NOW)
    assert set(ids(shown)) == {"comparables", "address", "commercial", "thin-market", "disputes", "conduct"}
    assert {one.version for one in shown} == {"2026-01"}
    for one in shown:
        check(GuidelineDraft(guideline_id=one.guideline_id, title=one.title, text=one.text, families=one.families))


@pytest.mark.requirement("RD13")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["comparables", "conduct"]),
        ({"skill": "COMMERCIAL"}, ["commercial", "conduct"]),
        ({"reasons": (Reason.ADDR_AMBIGUOUS,)}, ["address", "comparables", "conduct"]),
        ({"reasons": (Reason.THIN_COMPARABLES,)}, ["thin-market", "comparables", "conduct"]),
        ({"kind": Kind.DISPUTE}, ["disputes", "comparables", "conduct"]),
    ],
    ids=["a home", "commercial", "an address", "a thin market", "a dispute"],
)
def test_a_case_gets_what_concerns_it_the_most_particular_first(changes, expected):
    assert ids(for_task(in_force(first_set(), NOW), replace(TASK, **changes))) == expected


@pytest.mark.requirement("RD13")
def test_a_guideline_of_a_city_is_for_that_city_alone():
    base = first_set()[0]
    local = replace(base, guideline_id="hangzhou", cities=("杭州市",), skills=(), families=())
    assert ids(for_task([local], TASK)) == ["hangzhou"]
    assert for_task([local], replace(TASK, city="宁波市")) == ()


@pytest.mark.requirement("RD13")
def test_a_version_keeps_the_set_as_it_was():
    base = first_set()
    changed = replace(base[0], version="2026-02", number=2, title="新", in_force_at=NOW + timedelta(hours=1))
    gone = replace(base[1], version="2026-03", number=3, withdrawn=True, in_force_at=NOW + timedelta(hours=2))
    every = [*base, changed, gone]
    assert "新" not in {one.title for one in in_force(every, NOW)}
    assert "新" in {one.title for one in in_force(every, NOW + timedelta(hours=1))}
    assert len(in_force(every, NOW + timedelta(hours=2))) == len(base) - 1
    assert as_of(every, "2026-01") == in_force(base, NOW)
    assert len(as_of(every, "2026-03")) == len(base) - 1
    assert as_of(every, "2031-01") == ()


@pytest.mark.parametrize(
    ("latest", "expected"), [("2026-01", "2026-02"), ("2026-99", "2026-100"), ("2025-07", "2026-01"), ("x", "2026-01")]
)
def test_versions_are_counted_within_a_year(latest, expected):
    assert next_version(latest, NOW) == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"guideline_id": "薄"}, "guideline_id"),
        ({"title": " "}, "title"),
        ({"text": ""}, "text"),
        ({"families": ("X",)}, "families"),
    ],
)
def test_a_guideline_nobody_could_use_is_refused_by_its_field(changes, field):
    good = GuidelineDraft(guideline_id="a-1", title="标题", text="正文")
    with pytest.raises(GuidelineError) as caught:
        check(replace(good, **changes))
    assert caught.value.field == field


@pytest.mark.requirement("RD13")
def test_chinese_is_found_by_pairs_and_other_words_whole():
    assert terms("可比实例 GB/T 50291") == ["50291", "gb/t", "例", "可", "可比", "实", "实例", "比", "比实"]
    assert query("可比实例") == "'可比' & '比实' & '实例'"
    assert query("法") == "'法'"
    assert query("！？ ") == ""
    assert query("it's") == "'it' & 's'"


def test_what_has_all_pairs_but_not_the_words_is_sorted_out():
    assert contains("比较法与收益法", "收益法 比较")
    assert not contains("收益。益法", "收益法")
    assert contains("ＧＢ／Ｔ　５０２９１", "gb/t 50291")


def test_an_excerpt_shows_the_place():
    text = "甲" * 100 + "收益法" + "乙" * 100
    assert "收益法" in excerpt(text, "收益法")
    assert len(excerpt(text, "收益法")) < 90
    assert excerpt("短文", "没有") == "短文"
