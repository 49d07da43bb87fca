from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import COMMUNITIES, COVERAGE
from schemas.codes import (
    AttributeOrigin,
    Automation,
    CoverageStatus,
    Lane,
    MatchLevel,
    PropertyType,
    Reason,
    Status,
    Tradability,
)
from schemas.events import Enriched, Resulted
from streams.runtime.stage import Change

_COMPLETE = "北京市朝阳区望京西园三区3号楼2单元501室"


@pytest.mark.requirement("AD1")
def test_a_complete_address_goes_on_with_both_addresses_and_all_that_is_known(answer_to):
    enriched = answer_to(_COMPLETE, rooms=2)
    assert isinstance(enriched, Enriched)
    address, attributes = enriched.address, enriched.attributes
    assert address.entered == _COMPLETE
    assert address.normalised == "北京市朝阳区望京西园三区3幢2单元501室"
    assert (address.community_id, address.match_level, address.floor) == ("w3", MatchLevel.ROOM, 5)
    assert address.probability > 0.9
    assert (attributes.built_year, attributes.total_floors, attributes.floor_band) == (2003, 18, "低")
    assert attributes.origins["floor"] is AttributeOrigin.PARSED
    assert attributes.origins["built_year"] is AttributeOrigin.DICTIONARY
    assert attributes.origins["rooms"] is AttributeOrigin.REQUEST
    assert attributes.tradability is Tradability.UNKNOWN
    assert enriched.concerns == ()
    assert enriched.coverage.county_code == "110105"
    assert enriched.coverage.row_version == "2026-01"


def test_what_the_channel_states_wins_over_what_is_read_and_looked_up(answer_to):
    attributes = answer_to(_COMPLETE, floor=18, built_year=2004, property_type="VILLA").attributes
    assert (attributes.floor, attributes.floor_band, attributes.built_year) == (18, "顶", 2004)
    assert attributes.property_type is PropertyType.VILLA


@pytest.mark.requirement("AD2")
def test_an_ambiguous_address_is_asked_about_with_its_candidates(answer_to):
    asked = answer_to("北京市阳光花园3号楼501")
    assert isinstance(asked, Resulted)
    assert asked.status is Status.NEEDS_CLARIFICATION
    assert asked.reasons == (Reason.ADDR_AMBIGUOUS,)
    assert {candidate.community_id for candidate in asked.address.candidates} == {"y1", "y2"}
    assert "朝阳区阳光花园" in asked.reason_text
    assert "海淀区阳光花园" in asked.reason_text


@pytest.mark.requirement("AD2")
def test_a_reply_with_an_offered_candidate_goes_on(answer_to):
    enriched = answer_to("北京市阳光花园3号楼501", revision=2, chosen_community_id="y2")
    assert isinstance(enriched, Enriched)
    assert enriched.address.community_id == "y2"
    assert enriched.address.probability == 1.0


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("chosen", ["w3", "no such community"])
def test_a_reply_with_a_candidate_that_was_not_offered_is_rejected(answer_to, chosen):
    rejected = answer_to("北京市阳光花园3号楼501", revision=2, chosen_community_id=chosen)
    assert rejected.status is Status.REJECTED_INVALID
    assert rejected.problems[0].field == "chosen_community_id"


@pytest.mark.requirement("AD2")
def test_nobody_is_asked_twice(answer_to):
    enriched = answer_to("北京市阳光花园3号楼501", revision=2)
    assert isinstance(enriched, Enriched)
    assert enriched.concerns == (Reason.ADDR_AMBIGUOUS, Reason.CLARIFICATION_TIMEOUT)


@pytest.mark.requirement("IN9")
def test_what_the_bank_wants_people_for_ends_for_want_of_a_city_and_of_no_reply(answer_to):
    ended = answer_to("从未见过的名字3号楼", revision=2, force_manual=True)
    assert (ended.status, ended.reasons) == (Status.EXPIRED, (Reason.ADDR_PARTIAL,))
    assert "城市" in ended.reason_text
    gone_on = answer_to("北京市阳光花园3号楼501", revision=2, force_manual=True)
    assert gone_on.concerns == (Reason.ADDR_AMBIGUOUS,)


def test_a_request_for_people_is_not_asked_about_when_the_city_is_known(answer_to):
    enriched = answer_to("北京市阳光花园3号楼501", force_manual=True)
    assert isinstance(enriched, Enriched)
    assert enriched.request.force_manual


@pytest.mark.parametrize(
    ("address", "level", "concern"),
    [
        ("北京市朝阳区从未见过的名字3号楼501", MatchLevel.DISTRICT, Reason.ADDR_UNKNOWN),
        ("北京市朝阳区从未路18号3号楼501", MatchLevel.ROAD, Reason.ADDR_UNKNOWN),
        ("北京市朝阳区", MatchLevel.DISTRICT, Reason.ADDR_PARTIAL),
    ],
)
def test_an_unknown_community_in_a_covered_place_goes_to_people(answer_to, address, level, concern):
    enriched = answer_to(address)
    assert isinstance(enriched, Enriched)
    assert enriched.address.community_id is None
    assert enriched.address.match_level is level
    assert enriched.concerns == (concern,)


@pytest.mark.parametrize(
    ("address", "missing"), [("从未见过的名字3号楼", "所在城市"), ("你好", "区县"), ("12345", "小区名称")]
)
def test_an_address_that_says_no_place_is_asked_about_with_what_is_missing(answer_to, address, missing):
    asked = answer_to(address)
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,))
    assert missing in asked.reason_text


@pytest.mark.requirement("AD4")
@pytest.mark.parametrize(
    "address",
    [
        "香港九龙弥敦道100号海晖大厦12楼A室",
        "香港特别行政区沙田区银城街18号",
        "澳门氹仔花城新苑第2座8楼C",
        "臺灣省臺北市大安區和平東路二段106號5樓",
        "臺北市大安區和平東路二段106號",
        "日本东京都港区六本木3丁目2-1-1502",
        "Flat 3, 100 Oxford Street, London",
    ],
)
def test_addresses_outside_the_mainland_are_out_of_coverage(answer_to, address):
    out = answer_to(address)
    assert (out.status, out.reasons) == (Status.OUT_OF_COVERAGE, (Reason.OUTSIDE_MAINLAND,))
    assert out.value is None


@pytest.mark.parametrize(
    "address", ["北京市朝阳区香港路12号", "北京市朝阳区台湾风情小镇3号楼", "加拿大花园3号楼", "九龙花园2号楼"]
)
def test_streets_and_names_that_sound_foreign_are_not_abroad(answer_to, address):
    assert Reason.OUTSIDE_MAINLAND not in getattr(answer_to(address), "reasons", ())


@pytest.mark.requirement("AD3")
def test_a_place_outside_the_table_is_out_with_the_version_of_the_table(answer_to):
    out = answer_to("江苏省苏州市姑苏区清泉路18号云汀苑5幢302室")
    assert (out.status, out.reasons) == (Status.OUT_OF_COVERAGE, (Reason.AREA_NOT_COVERED,))
    assert "2026-01" in out.reason_text
    assert "苏州市姑苏区" in out.reason_text


@pytest.mark.requirement("AD3")
@pytest.mark.parametrize("status", [CoverageStatus.PLANNED, CoverageStatus.WITHDRAWN])
def test_planned_and_withdrawn_places_are_out(answer_to, a_view, a_row, status):
    view = a_view(rows=[a_row("110105", status=status)])
    assert answer_to(_COMPLETE, view).status is Status.OUT_OF_COVERAGE


@pytest.mark.requirement("AD3")
def test_the_row_in_force_on_the_day_of_receipt_in_china_decides(answer_to, a_view, a_row):
    view = a_view(
        rows=[
            a_row("110105", effective_to=date(2026, 11, 30), version="old"),
            a_row("110105", effective_from=date(2026, 12, 1), version="new", automation=Automation.HUMAN_ONLY),
        ]
    )
    last_minute = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)  # 23:59 in China
    first_minute = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert answer_to(_COMPLETE, view, received_at=last_minute).coverage.row_version == "old"
    assert answer_to(_COMPLETE, view, received_at=first_minute).coverage.automation is Automation.HUMAN_ONLY


@pytest.mark.requirement("AD3")
@pytest.mark.parametrize(
    "period", [{"effective_to": date(2026, 11, 24)}, {"effective_from": date(2026, 11, 26)}], ids=["ended", "not begun"]
)
def test_a_row_that_is_not_in_force_lets_nobody_in(answer_to, a_view, a_row, period):
    assert answer_to(_COMPLETE, a_view(rows=[a_row("110105", **period)])).status is Status.OUT_OF_COVERAGE


@pytest.mark.requirement("AD3")
def test_coverage_changes_are_live(answer_to, a_view, a_row):
    view = a_view(rows=[])
    assert answer_to(_COMPLETE, view).status is Status.OUT_OF_COVERAGE
    view.apply([Change(topic=COVERAGE, key="k", event=a_row("110105"))])
    assert isinstance(answer_to(_COMPLETE, view), Enriched)
    view.apply([Change(topic=COVERAGE, key="k", event=None)])
    assert answer_to(_COMPLETE, view).status is Status.OUT_OF_COVERAGE


def test_the_dictionary_is_live_and_its_version_travels(answer_to, a_view):
    view = a_view()
    before = answer_to(_COMPLETE, view).reference_version
    view.apply([Change(topic=COMMUNITIES, key="w3", event=None)])
    enriched = answer_to(_COMPLETE, view)
    assert enriched.address.community_id is None
    assert enriched.reference_version != before


@pytest.mark.requirement("AD1", "AD3")
def test_where_the_dictionary_names_no_county_the_stated_one_counts(answer_to, a_view, a_row, a_community):
    view = a_view([a_community("s", "春波花园", "", "上海市")], [a_row("310115")])
    inside = answer_to("上海市浦东新区春波花园3号楼1801室", view)
    assert (inside.coverage.county_code, inside.address.district) == ("310115", "浦东新区")
    assert inside.address.normalised.startswith("上海市浦东新区春波花园")
    out = answer_to("上海市徐汇区春波花园3号楼1801室", view)
    assert (out.status, out.reasons) == (Status.OUT_OF_COVERAGE, (Reason.AREA_NOT_COVERED,))
    assert (out.address.district, "上海市徐汇区" in out.reason_text) == ("徐汇区", True)
    unsaid = answer_to("上海市春波花园3号楼1801室", view)
    assert (unsaid.coverage.county_code, unsaid.address.district) == ("310100", None)


@pytest.mark.requirement("AD1", "AD3")
def test_a_house_in_a_stated_province_is_not_valued_as_its_namesake_elsewhere(answer_to, a_view):
    asked = answer_to("浙江省望京西园三区3号楼501", a_view())
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,))
    assert (asked.address.province, asked.address.candidates) == ("浙江省", ())


@pytest.mark.requirement("AD3")
def test_candidates_in_and_out_of_coverage_are_asked_about_first(answer_to, a_view, a_row):
    view = a_view(rows=[a_row("110105")])
    assert answer_to("北京市阳光花园3号楼501", view).status is Status.NEEDS_CLARIFICATION
    nowhere = a_view(rows=[a_row("330106")])
    assert answer_to("北京市阳光花园3号楼501", nowhere).status is Status.OUT_OF_COVERAGE


@pytest.mark.requirement("AD2", "AD3")
def test_a_shortened_city_with_nothing_but_a_building_behind_it_may_be_a_name_and_is_asked_about(answer_to, a_view):
    asked = answer_to("南平16栋2301室", a_view())
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,))
    assert "小区名称" in asked.reason_text
    assert answer_to("南平市16栋2301室", a_view()).status is Status.OUT_OF_COVERAGE
    assert answer_to("南平松林苑16栋2301室", a_view()).status is Status.OUT_OF_COVERAGE


@pytest.mark.requirement("AD1")
def test_a_person_written_before_the_address_reaches_neither_its_parts_nor_its_spelling(answer_to, a_view):
    enriched = answer_to("业主张三丰 北京市朝阳区望京花园3号楼2单元501室", a_view())
    assert "张三丰" not in enriched.address.normalised
    assert not any("张三丰" in part.text for part in enriched.address.parts)


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize(
    ("address", "fields", "reason"),
    [
        (f"{_COMPLETE}(小产权房)", {}, Reason.NOT_TRADABLE),
        (f"{_COMPLETE}(经济适用房)", {}, Reason.NOT_TRADABLE),
        (f"{_COMPLETE}（公房）", {}, Reason.NOT_TRADABLE),
        ("北京市海淀区碧水小产权新村3号楼501", {}, Reason.NOT_TRADABLE),
        ("北京市朝阳区望京西园三区地下车位12号", {}, Reason.TYPE_NOT_ENABLED),
        (_COMPLETE, {"property_type": "INDUSTRIAL"}, Reason.TYPE_NOT_ENABLED),
        (_COMPLETE, {"property_type": "MIXED_USE_FLAT"}, Reason.TYPE_NOT_ENABLED),
        (_COMPLETE, {"property_type": "商住公寓"}, Reason.TYPE_NOT_ENABLED),
    ],
)
def test_what_is_no_tradable_commodity_house_is_not_eligible(answer_to, address, fields, reason):
    refused = answer_to(address, **fields)
    assert (refused.status, refused.reasons) == (Status.NOT_ELIGIBLE, (reason,))
    assert refused.reason_text


@pytest.mark.requirement("AD5")
def test_a_type_counts_once_its_county_enables_it(answer_to, a_view, a_row):
    view = a_view(rows=[a_row("110105", property_types=("APARTMENT", "MIXED_USE_FLAT"))])
    assert isinstance(answer_to(_COMPLETE, view, property_type="MIXED_USE_FLAT"), Enriched)
    assert answer_to(_COMPLETE, view, property_type="OFFICE").status is Status.NOT_ELIGIBLE


@pytest.mark.requirement("AD5")
def test_out_of_coverage_wins_over_not_eligible(answer_to, a_view, a_row):
    view = a_view(rows=[a_row("330106")])
    assert answer_to(f"{_COMPLETE}(小产权房)", view).status is Status.OUT_OF_COVERAGE


def test_a_result_echoes_the_request(answer_to):
    asked = answer_to("你好", lane=Lane.BATCH, business_ref="B-1", branch_code="331", product="HOUSE_SECURED")
    assert (asked.valuation_id, asked.lane, asked.revision) == ("v-1", Lane.BATCH, 1)
    assert (asked.business_ref, asked.branch_code, asked.product) == ("B-1", "331", "HOUSE_SECURED")
    assert asked.address_entered == "你好"


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=200) | st.text(alphabet="北京市朝阳区香港台湾3号楼-路花园室(小产权)", max_size=60))
def test_every_text_gets_an_answer(text):
    from streams.enrichment.stage import EnrichmentStage

    stage_view, now = _VIEWS.setdefault("view", _a_view()), datetime(2026, 11, 25, 8, tzinfo=UTC)
    (outcome,) = EnrichmentStage(stage_view, lambda: now).handle([_accepted(text)])
    assert len(outcome.outputs) == 1


_VIEWS: dict[str, object] = {}


def _a_view():
    from schemas.domain.divisions import divisions
    from streams.enrichment.reference import EnrichmentView

    return EnrichmentView(divisions())


def _accepted(text):
    from datetime import timedelta
    from decimal import Decimal

    from schemas.codes import ServiceType
    from schemas.events import Accepted, Request

    now = datetime(2026, 11, 25, 8, tzinfo=UTC)
    request = Request(
        channel="APP",
        client_request_id="1",
        lane=Lane.ONLINE,
        service_type=ServiceType.VALUATE,
        address=text,
        area_m2=Decimal(90),
        value_date=date(2026, 11, 25),
        received_at=now,
        deadline_at=now + timedelta(seconds=10),
    )
    return Accepted(valuation_id="v", request=request, digest="", accepted_at=now)
