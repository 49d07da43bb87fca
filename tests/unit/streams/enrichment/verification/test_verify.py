"""A stated house beside what the sources know: one outcome, each check with its evidence."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import COMMUNITIES, DELIVERIES, PROPERTIES, SOURCES
from schemas.codes import PropertyType, Reason, ServiceType, SourceKind, Status, Tradability, VerificationOutcome
from schemas.domain.deliveries import Deliveries
from schemas.domain.property_key import canonical
from schemas.events import Attributes, Enriched, PropertyRecord, SourceDelivery, SourceLicence
from streams.enrichment.resolve import resolve
from streams.enrichment.verification.comparing import same_area
from streams.enrichment.verification.house import Field, stated_house
from streams.enrichment.verification.sources import Absent, Known
from streams.enrichment.verification.verify import verify
from streams.runtime.stage import Change
from tests.unit.streams.enrichment.conftest import NOW, a_community, accepted

CONFIRMED, MISMATCH = VerificationOutcome.CONFIRMED, VerificationOutcome.MISMATCH
NOT_FOUND, UNVERIFIABLE = VerificationOutcome.NOT_FOUND, VerificationOutcome.UNVERIFIABLE
ROOM = "北京市朝阳区望京西园三区3号楼2单元501室"
UNKNOWN = "北京市朝阳区从未见过的名字3号楼501"
REGISTERED_ON = datetime(2026, 11, 20, 20, tzinfo=UTC)  # the 21st in Shanghai
FULL = {"tradability": Tradability.TRADABLE, "area_m2": 88.5}


def registered(key="w3|3|2|501", **facts):
    record = PropertyRecord(
        property_key=canonical(key), source="不动产登记簿", corrected_by="E1", corrected_at=REGISTERED_ON, **facts
    )
    return Change(topic=PROPERTIES, key=record.property_key, event=record)


def listed(**fields):
    """The community of `ROOM`, as a dictionary of its own has it."""
    community = a_community("w3", "望京西园三区", **{"source": "dict-1"} | fields)
    return Change(topic=COMMUNITIES, key="w3", event=community)


def broken(source, until=NOW + timedelta(hours=1)):
    delivery = SourceDelivery(
        source=source, delivered_at=NOW, loaded=0, rejected=0, failures=3, fault="no columns", closed_until=until
    )
    return Change(topic=DELIVERIES, key=source, event=delivery)


def stale(source):
    delivery = SourceDelivery(source=source, delivered_at=NOW - timedelta(days=8), loaded=9, rejected=0)
    licence = SourceLicence(
        source=source,
        kind=SourceKind.REGISTRY,
        holder="h",
        reference="r",
        allowed_uses=(),
        valid_from=date(2026, 1, 1),
        approved_by="s-1",
        second_approver="s-2",
        approved_at=NOW,
        fresh_within_days=7,
    )
    return (
        Change(topic=DELIVERIES, key=source, event=delivery),
        Change(topic=SOURCES, key=source, event=licence),
    )


@pytest.fixture
def enriched(a_view, answer_to):
    """`enriched(*changes, address=, **request)`: what is published for a house that is to be verified."""

    def ask(*changes, address=ROOM, **request):
        view = a_view()
        view.apply(changes)
        return answer_to(address, view, **{"service_type": ServiceType.VERIFY} | request)

    return ask


@pytest.fixture
def verified(enriched):
    return lambda *changes, **request: enriched(*changes, **request).verification


def check(verification, field):
    (found,) = [one for one in verification.checks if one.field == field]
    return found


# ---- the four outcomes


@pytest.mark.requirement("VF1")
def test_a_house_whose_door_title_and_area_are_registered_is_confirmed_with_its_evidence(verified):
    found = verified(registered(**FULL))
    assert (found.outcome, found.text) == (CONFIRMED, "房屋信息核验一致。")
    assert found.verified_at == NOW
    unit = check(found, "UNIT")
    assert (unit.outcome, unit.stated, unit.found) == (CONFIRMED, "3幢2单元501室", "3幢2单元501室")
    assert (unit.source, unit.evidence, unit.known_on) == ("property-registry", "w3|3|2|501", date(2026, 11, 21))
    community = check(found, "COMMUNITY")
    assert (community.outcome, community.source, community.evidence) == (CONFIRMED, "community-dictionary", "w3")


@pytest.mark.requirement("VF1")
def test_a_mismatch_names_the_field_what_was_stated_and_what_was_found(verified):
    found = verified(registered(**FULL | {"area_m2": 98.2}))
    area = check(found, "AREA")
    assert (found.outcome, area.outcome) == (MISMATCH, MISMATCH)
    assert (area.stated, area.found) == ("88.50㎡", "98.2㎡")
    assert found.text == "房屋信息与记录不一致：建筑面积填报为88.50㎡，与房产登记不一致。"


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize(
    ("area_m2", "shown"), [(12_345.67, "12345.67㎡"), (98.2, "98.2㎡"), (120.0, "120㎡"), (1_000_000.0, "1000000㎡")]
)
def test_no_sentence_says_what_was_found_since_customers_read_them(verified, area_m2, shown):
    found = verified(registered(**FULL | {"area_m2": area_m2, "built_year": 1937}), built_year=2005)
    said = (found.text, *(one.text for one in found.checks))
    assert (check(found, "AREA").found, check(found, "BUILT_YEAR").found) == (shown, "1937年")
    assert not [text for text in said for known in (shown, "1937") if known in text]


@pytest.mark.requirement("VF1")
def test_a_community_that_the_dictionary_does_not_list_is_not_found(verified):
    found = verified(address=UNKNOWN)
    assert found.outcome is NOT_FOUND
    assert found.text == "未查到该房屋：楼盘字典中未查到小区“从未见过的名字”。"
    assert check(found, "UNIT").outcome is UNVERIFIABLE


@pytest.mark.requirement("VF1")
def test_what_no_source_can_say_is_unverifiable_and_never_confirmed(verified):
    found = verified(registered(tradability=Tradability.TRADABLE))
    assert found.outcome is UNVERIFIABLE
    assert found.text == "暂无法核验房屋信息：建筑面积没有足以核验的记录。"
    assert check(found, "AREA").found is None


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize("missing", ["tradability", "area_m2"])
def test_without_title_or_area_on_record_nothing_is_confirmed(verified, missing):
    facts = {name: value for name, value in FULL.items() if name != missing}
    assert verified(registered(**facts)).outcome is UNVERIFIABLE


def test_a_building_s_record_is_no_record_of_the_door(verified):
    found = verified(registered("w3|3", **FULL))
    assert (check(found, "UNIT").outcome, check(found, "AREA").outcome) == (UNVERIFIABLE, UNVERIFIABLE)
    assert check(found, "BUILDING").outcome is CONFIRMED


# ---- single facts


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize(
    ("stated", "recorded", "same"),
    [
        ("81.00", "80.00", True),
        ("81.01", "80.00", False),
        ("79.00", "80.00", True),
        ("202.00", "200.00", True),
        ("202.01", "200.00", False),
        ("198.00", "200.00", True),
    ],
)
def test_areas_within_one_square_metre_or_one_per_cent_of_the_record_are_one(stated, recorded, same):
    assert same_area(Decimal(stated), Decimal(recorded)) is same


@given(st.decimals(1, 9_999, places=2), st.decimals(-200, 200, places=2))
def test_of_two_deviations_the_larger_is_never_the_better(recorded, gap):
    nearer = recorded + gap / 2
    assert same_area(nearer, recorded) or not same_area(recorded + gap, recorded)


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize(
    ("request_fields", "facts", "field", "outcome"),
    [
        ({"floor": 5}, {"floor": 5}, "FLOOR", CONFIRMED),
        ({"floor": 6}, {"floor": 5}, "FLOOR", MISMATCH),
        ({"floor": 19}, {"total_floors": 18}, "FLOOR", MISMATCH),
        ({"total_floors": 18}, {"total_floors": 18}, "TOTAL_FLOORS", CONFIRMED),
        ({"total_floors": 17}, {"total_floors": 18}, "TOTAL_FLOORS", MISMATCH),
        ({"built_year": 2005}, {"built_year": 2003}, "BUILT_YEAR", CONFIRMED),
        ({"built_year": 2006}, {"built_year": 2003}, "BUILT_YEAR", MISMATCH),
        ({"rooms": 3}, {"rooms": 2}, "ROOMS", MISMATCH),
        ({"property_type": "VILLA"}, {"property_type": PropertyType.APARTMENT}, "PROPERTY_TYPE", MISMATCH),
        ({"usage": "成套住宅"}, {"usage": "住宅"}, "USAGE", CONFIRMED),
        ({"usage": "办公"}, {"usage": "住宅"}, "USAGE", MISMATCH),
        ({"usage": "住宅"}, {"property_type": PropertyType.VILLA}, "USAGE", CONFIRMED),
        ({"usage": "待定"}, {"usage": "住宅"}, "USAGE", UNVERIFIABLE),
        ({"building": "3栋"}, {}, "BUILDING", CONFIRMED),
        ({"building": "4号楼"}, {}, "BUILDING", MISMATCH),
        ({"community": "望京西园三区"}, {}, "COMMUNITY", CONFIRMED),
        ({"community": "朝阳区望京西园3区"}, {}, "COMMUNITY", CONFIRMED),
        ({"community": "望京西园四区"}, {}, "COMMUNITY", MISMATCH),
    ],
)
def test_each_stated_fact_is_compared_with_the_record(verified, request_fields, facts, field, outcome):
    assert check(verified(registered(**FULL | facts), **request_fields), field).outcome is outcome


def test_what_is_not_stated_is_not_checked(verified):
    always = ["COMMUNITY", "BUILDING", "UNIT", "AREA", "TRADABILITY"]
    assert [one.field for one in verified().checks] == always


def test_a_room_that_is_registered_without_a_unit_is_another_door_than_one_in_a_unit(verified):
    unit = check(verified(registered("w3|3||501")), "UNIT")
    assert (unit.outcome, unit.found, unit.evidence) == (MISMATCH, "3幢501室（不分单元）", "w3|3||501")


@pytest.mark.parametrize(
    ("fields", "request_fields", "field", "outcome"),
    [
        ({"built_year": 2003}, {"built_year": 2008}, "BUILT_YEAR", CONFIRMED),
        ({"built_year": 2003}, {"built_year": 2009}, "BUILT_YEAR", MISMATCH),
        ({"total_floors": 18}, {"total_floors": 18}, "TOTAL_FLOORS", CONFIRMED),
        ({"total_floors": 18}, {"total_floors": 6}, "TOTAL_FLOORS", UNVERIFIABLE),
        ({"min_area_m2": 60.0, "max_area_m2": 90.0}, {"area_m2": Decimal("300.00")}, "AREA", UNVERIFIABLE),
        ({"property_types": ("APARTMENT",)}, {"property_type": "VILLA"}, "PROPERTY_TYPE", MISMATCH),
        ({"property_types": ("APARTMENT",)}, {"property_type": "SHOP"}, "PROPERTY_TYPE", UNVERIFIABLE),
        ({"property_types": ("APARTMENT",)}, {"usage": "住宅"}, "USAGE", CONFIRMED),
        ({"tradability": Tradability.TRADABLE}, {}, "TRADABILITY", CONFIRMED),
    ],
)
def test_the_dictionary_speaks_of_the_community_at_large(verified, fields, request_fields, field, outcome):
    found = check(verified(listed(**fields), **request_fields), field)
    assert (found.outcome, found.source) == (outcome, "dict-1")
    assert found.found is not None


def test_the_record_of_the_house_is_believed_before_the_dictionary(verified):
    found = check(verified(listed(built_year=1990), registered(built_year=2003), built_year=2003), "BUILT_YEAR")
    assert (found.outcome, found.source) == (CONFIRMED, "property-registry")


# ---- sources


@pytest.mark.requirement("VF3")
@pytest.mark.parametrize("source", ["property-registry", "dict-1"])
def test_a_source_whose_breaker_is_open_turns_a_confirmation_into_unverifiable(verified, source):
    known = (listed(), registered(**FULL))
    assert verified(*known).outcome is CONFIRMED
    found = verified(*known, broken(source))
    assert (found.outcome, found.unavailable_sources) == (UNVERIFIABLE, (source,))
    assert found.text == "暂无法核验房屋信息：相关数据来源暂不可用。"
    assert all(one.source != source for one in found.checks)


@pytest.mark.requirement("VF3")
def test_a_stale_source_is_not_believed_either(verified):
    assert verified(registered(**FULL), *stale("property-registry")).outcome is UNVERIFIABLE


@pytest.mark.requirement("VF3")
def test_a_house_is_not_missing_from_a_dictionary_that_cannot_be_asked(verified):
    found = verified(listed(), broken("dict-1"), address=UNKNOWN)
    assert (found.outcome, found.unavailable_sources) == (UNVERIFIABLE, ("dict-1",))


@pytest.mark.requirement("VF3")
def test_an_empty_dictionary_lists_nothing_and_misses_nothing(a_view, answer_to):
    found = answer_to(UNKNOWN, a_view(communities=()), service_type=ServiceType.VERIFY).verification
    assert found.outcome is UNVERIFIABLE


@pytest.mark.requirement("VF3")
@pytest.mark.parametrize(("source", "synthetic"), [("synthetic", True), ("synthetic-3", True), ("dict-1", False)])
def test_made_up_sources_are_marked(verified, source, synthetic):
    assert verified(listed(source=source)).synthetic is synthetic


class LandOffice:
    """Another source, as one would be plugged in: it lists every door there is."""

    def __init__(self, *doors):
        self._doors = doors

    def asked(self, _, /):
        return ("land-office",)

    def findings(self, house, /):
        if house.door not in self._doors:
            return (Absent(field=Field.UNIT, source="land-office", said_by="不动产登记"),)
        given = {"source": "land-office", "evidence": "row-1", "said_by": "不动产登记"}
        return (
            Known(field=Field.UNIT, value=house.door, shown=house.door, **given),
            Known(field=Field.AREA, value=88.5, shown="88.5㎡", **given),
            Known(field=Field.TRADABILITY, value=Tradability.TRADABLE, shown="商品房", **given),
        )


@pytest.mark.requirement("VF3")
def test_another_source_is_plugged_in_by_two_methods(a_view):
    view = a_view()
    house = stated_house(accepted(ROOM).request, resolve(ROOM, view.communities, view.divisions), Attributes())

    def outcome(*doors, deliveries=view.deliveries):
        return verify(house, [LandOffice(*doors), *view.verification_sources], deliveries, now=NOW).outcome

    assert outcome(house.door) is CONFIRMED
    assert outcome("another door") is NOT_FOUND
    down = Deliveries()
    down.delivered("land-office", broken("land-office").event)
    assert outcome(house.door, deliveries=down) is outcome("another door", deliveries=down) is UNVERIFIABLE


# ---- on the way of a request


@pytest.mark.requirement("VF2")
@pytest.mark.parametrize(
    ("facts", "request_fields"),
    [({"area_m2": 98.2}, {}), ({}, {"building": "4号楼"}), ({}, {"community": "望京西园四区"})],
    ids=["area", "building", "community"],
)
def test_another_house_than_the_stated_one_goes_to_people(enriched, facts, request_fields):
    asked = {"service_type": ServiceType.VERIFY_AND_VALUATE}
    found = enriched(registered(**FULL | facts), **asked | request_fields)
    assert found.concerns == (Reason.VERIFY_MISMATCH,)
    assert found.verification.outcome is MISMATCH


@pytest.mark.requirement("VF2")
def test_what_the_dictionary_alone_has_otherwise_is_told_and_asks_nobody(enriched):
    found = enriched(listed(built_year=1990), service_type=ServiceType.VERIFY_AND_VALUATE, built_year=2015)
    assert (found.concerns, found.verification.outcome) == ((), MISMATCH)


@pytest.mark.requirement("VF2")
@pytest.mark.parametrize("channel", ["CREDIT_MGMT", "NET_BANK"])
def test_a_house_that_is_not_found_is_asked_about_before_it_is_valued(enriched, channel):
    asked = enriched(address=UNKNOWN, service_type=ServiceType.VERIFY_AND_VALUATE, channel=channel)
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.VERIFY_NOT_FOUND,))
    assert asked.verification.outcome is NOT_FOUND
    assert asked.due_at > NOW, "it waits for a reply and not for ever"
    assert "请核对房屋地址" in asked.reason_text


@pytest.mark.requirement("VF2")
def test_without_a_reply_it_goes_on_and_says_so(enriched):
    found = enriched(address=UNKNOWN, service_type=ServiceType.VERIFY_AND_VALUATE, revision=2)
    assert isinstance(found, Enriched)
    assert found.concerns == (Reason.ADDR_UNKNOWN, Reason.VERIFY_NOT_FOUND, Reason.CLARIFICATION_TIMEOUT)
    assert found.verification.outcome is NOT_FOUND


@pytest.mark.requirement("VF2")
def test_a_reply_lets_it_go_on_as_the_house_that_was_meant(enriched):
    found = enriched(
        registered(**FULL), service_type=ServiceType.VERIFY_AND_VALUATE, revision=2, chosen_community_id="w3"
    )
    assert (found.concerns, found.verification.outcome) == ((), CONFIRMED)


@pytest.mark.requirement("VF2")
def test_without_a_reply_and_without_people_it_ends(enriched):
    ended = enriched(address=UNKNOWN, service_type=ServiceType.VERIFY_AND_VALUATE, revision=2, channel="WEBSITE")
    assert ended.status is Status.EXPIRED


def test_what_goes_to_people_anyway_is_not_asked_about(enriched):
    found = enriched(
        address=UNKNOWN, service_type=ServiceType.VERIFY_AND_VALUATE, force_manual=True, channel="CREDIT_MGMT"
    )
    assert found.concerns == (Reason.ADDR_UNKNOWN, Reason.VERIFY_NOT_FOUND)


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("南京市高淳区阳光花园3号楼501", Status.OUT_OF_COVERAGE),
        ("北京市海淀区碧水小产权新村3号楼501", Status.NOT_ELIGIBLE),
        ("北京市阳光花园3号楼501", Status.NEEDS_CLARIFICATION),
    ],
)
def test_the_gates_before_verification_answer_first(enriched, address, status):
    answered = enriched(address=address)
    assert (answered.status, answered.verification) == (status, None)


def test_a_valuation_alone_carries_no_verification(enriched):
    assert enriched(registered(**FULL), service_type=ServiceType.VALUATE).verification is None


@pytest.mark.requirement("RT8")
def test_an_enriched_house_names_the_sources_whose_breaker_is_open(enriched):
    known = (listed(), broken("dict-1"), broken("of-another-city"))
    assert enriched(*known, service_type=ServiceType.VALUATE).degraded_sources == ("dict-1",)
    assert enriched(listed(), *stale("dict-1")).degraded_sources == ()
    gone = replace(broken("dict-1").event, failures=0, fault=None, closed_until=None)
    assert enriched(*known, Change(topic=DELIVERIES, key="dict-1", event=gone)).degraded_sources == ()
