from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import Action, Lane, Reason, ServiceType
from schemas.domain.request_rules import cleaned_address, expected_valuation_id, problems
from schemas.events import Requested
from schemas.ids import valuation_id

TODAY = date(2026, 6, 1)


def a_request(**changes):
    """A request without problems, then changed; the valuation id follows unless it is given."""
    requested = Requested(
        valuation_id="",
        channel="NET_BANK",
        client_request_id="N-1",
        requested_at=datetime(2026, 6, 1, 2, tzinfo=UTC),
        address="杭州市西湖区某某小区3幢2单元501室",
        area=Decimal("89.5"),
    )
    requested = replace(requested, **changes)
    if "valuation_id" in changes:
        return requested
    return replace(requested, valuation_id=expected_valuation_id(requested))


def fields(requested, lane=Lane.ONLINE):
    return [(problem.field, problem.code) for problem in problems(requested, lane=lane, today=TODAY)]


@pytest.mark.requirement("IN1", "IN2")
def test_address_area_channel_and_number_are_enough():
    assert fields(a_request()) == []


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("unit", ["㎡", "m2", "m²", "M2", "平方米", "平米", " ㎡ "])
def test_square_metres_may_be_written_in_several_ways(unit):
    assert fields(a_request(area_unit=unit)) == []


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("unit", ["坪", "亩", "sq ft", "sqft", "", "公顷", "m" * 10_000])
def test_other_units_are_refused(unit):
    assert fields(a_request(area_unit=unit)) == [("area_unit", Reason.FIELD_INVALID)]


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("area", ["0.01", "20", "89.50", "89.5000", "100000"])
def test_areas_within_bounds_pass(area):
    assert fields(a_request(area=Decimal(area))) == []


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    "area", ["0", "-1", "-0.01", "100000.01", "1E+30", "89.555", "0.001", "NaN", "sNaN", "Infinity", "-Infinity"]
)
def test_areas_beyond_bounds_are_refused(area):
    assert fields(a_request(area=Decimal(area))) == [("area", Reason.FIELD_INVALID)]


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    "address", ["", "   ", "　　", "房" * 201, "房" * 10_000, "文三路\x0020号", "文三路\u202e20号"]
)
def test_an_empty_too_long_or_unreadable_address_is_refused(address):
    assert ("address", Reason.FIELD_INVALID) in fields(a_request(address=address))


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("address", ["房", "房" * 200, "  " + "房" * 200 + "  ", "文三路　２０号"])
def test_the_address_is_measured_trimmed_and_in_its_normal_form(address):
    assert fields(a_request(address=address)) == []


def test_the_cleaned_address_has_one_form():
    assert cleaned_address("  文三路　 ２０号 ") == "文三路 20号"


@pytest.mark.requirement("IN2")
def test_all_problems_are_told_at_once_and_in_chinese_with_the_way_to_mend_them():
    bad = a_request(
        address="", area=Decimal(0), area_unit="坪", client_request_id="", floor=0, value_date=date(2027, 1, 1)
    )
    found = problems(bad, lane=Lane.ONLINE, today=TODAY)
    assert {problem.field for problem in found} == {
        "address",
        "area",
        "area_unit",
        "client_request_id",
        "floor",
        "value_date",
    }
    assert all("须" in problem.message or "请" in problem.message for problem in found)


@pytest.mark.requirement("IN1")
def test_a_corporate_loan_is_refused_as_such_and_another_product_as_unknown():
    assert fields(a_request(product="HOUSE_SECURED")) == []
    assert fields(a_request(product="CORPORATE_LOAN")) == [("product", Reason.CORPORATE_LOAN)]
    assert fields(a_request(product="对公贷款")) == [("product", Reason.CORPORATE_LOAN)]
    assert fields(a_request(product="CAR_LOAN")) == [("product", Reason.FIELD_INVALID)]


@pytest.mark.requirement("BA3")
def test_the_stage_other_is_for_batches_only():
    request = a_request(channel="BATCH_FILE", loan_stage="OTHER")
    assert fields(request) == [("loan_stage", Reason.FIELD_INVALID)]
    assert fields(request, Lane.BATCH) == []


@pytest.mark.requirement("IN1")
def test_a_channel_that_is_not_registered_is_named_as_the_problem():
    assert fields(a_request(channel="FAX")) == [("channel", Reason.UNKNOWN_CHANNEL)]


@pytest.mark.requirement("IN4")
def test_a_service_is_refused_where_the_channel_does_not_offer_it():
    assert fields(a_request(channel="WEBSITE", service_type=ServiceType.VERIFY)) == [
        ("service_type", Reason.SERVICE_NOT_ALLOWED)
    ]
    assert fields(a_request(), Lane.BATCH) == [("channel", Reason.SERVICE_NOT_ALLOWED)]


@pytest.mark.requirement("IN9")
def test_only_staff_may_force_a_manual_valuation():
    assert fields(a_request(force_manual=True)) == [("force_manual", Reason.ACTION_NOT_ALLOWED)]
    assert fields(a_request(channel="CREDIT_MGMT", force_manual=True)) == []


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("channel", ["CREDIT_MGMT", "NET_BANK", "WEBSITE"])
@pytest.mark.parametrize("action", [Action.CANCEL, Action.STATUS_QUERY])
def test_every_channel_may_withdraw_and_ask_of_its_own_with_nothing_but_the_number(channel, action):
    assert fields(a_request(channel=channel, action=action, address="", area=Decimal(0))) == []


@pytest.mark.requirement("IN9")
def test_only_staff_may_let_people_value_an_earlier_request_and_must_say_why():
    command = a_request(channel="CREDIT_MGMT", action=Action.FORCE_MANUAL, address="", area=Decimal(0), note="客户复核")
    assert fields(command) == []
    assert fields(replace(command, note=" ")) == fields(replace(command, note=None)) == [("note", Reason.FIELD_INVALID)]
    assert fields(a_request(action=Action.FORCE_MANUAL, note="客户复核")) == [("action", Reason.ACTION_NOT_ALLOWED)]
    assert fields(replace(command, note="长" * 501)) == [("note", Reason.FIELD_INVALID)]


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize("field", ["community", "building", "usage"])
def test_what_is_stated_to_be_verified_is_short_and_readable(field):
    assert fields(a_request(**{field: "某某小区"})) == []
    for text in ("", "  ", "长" * 129, "小区\u202e", "小\n区"):
        assert fields(a_request(**{field: text})) == [(field, Reason.FIELD_INVALID)]


def test_a_clarification_names_its_choice_and_only_a_clarification_does():
    assert fields(a_request(action=Action.CLARIFY)) == [("chosen_community_id", Reason.FIELD_INVALID)]
    assert fields(a_request(action=Action.CLARIFY, chosen_community_id="c-1")) == []
    assert fields(a_request(chosen_community_id="c-1")) == [("chosen_community_id", Reason.FIELD_INVALID)]


@pytest.mark.requirement("IN3")
def test_the_valuation_id_must_be_derived_from_channel_and_number():
    assert fields(a_request(valuation_id="00000000-0000-0000-0000-000000000000")) == [
        ("valuation_id", Reason.FIELD_INVALID)
    ]


@pytest.mark.requirement("IN3")
def test_an_alias_gives_the_id_of_its_channel():
    request = a_request(channel="CREDIT_SYS", client_request_id="7")
    assert request.valuation_id == valuation_id("CREDIT_MGMT", "7")
    assert fields(request) == []


@pytest.mark.parametrize("number", ["", " ", "x" * 65, "a\nb", "a\x7f", "\ud800"])
def test_a_request_number_is_short_and_printable(number):
    requested = a_request(valuation_id="whatever", client_request_id=number)
    assert fields(requested) == [("client_request_id", Reason.FIELD_INVALID)]


@pytest.mark.requirement("SE1")
def test_personal_numbers_are_refused_as_references():
    assert fields(a_request(subject_token="13800138000")) == [("subject_token", Reason.FIELD_INVALID)]
    assert fields(a_request(business_ref="11010519491231002X")) == [("business_ref", Reason.FIELD_INVALID)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"floor": 200}, "floor"),
        ({"floor": -9}, "floor"),
        ({"floor": 12, "total_floors": 6}, "floor"),
        ({"total_floors": 0}, "total_floors"),
        ({"built_year": 1700}, "built_year"),
        ({"built_year": 2040}, "built_year"),
        ({"rooms": -1}, "rooms"),
        ({"value_date": date(1999, 12, 31)}, "value_date"),
        ({"value_date": date(2026, 6, 2)}, "value_date"),
        ({"property_type": "城堡"}, "property_type"),
        ({"note": "x" * 501}, "note"),
        ({"embed_target": ""}, "embed_target"),
    ],
)
def test_implausible_attributes_are_refused(changes, field):
    assert fields(a_request(**changes)) == [(field, Reason.FIELD_INVALID)]


def test_plausible_attributes_pass_at_their_borders():
    request = a_request(
        floor=6,
        total_floors=6,
        built_year=2028,
        rooms=0,
        value_date=date(2026, 6, 1),
        property_type="商铺",
        note="x" * 500,
    )
    assert fields(request) == []


HOSTILE = st.text(max_size=300) | st.sampled_from(
    ["\x00", "\ud800", "房" * 5_000, "１３８００１３８０００", "' or 1=1 --"]
)
INTEGERS = st.none() | st.integers(-(2**31), 2**31 - 1)


@pytest.mark.requirement("IN2")
@given(
    address=HOSTILE,
    channel=HOSTILE | st.just("NET_BANK"),
    client_request_id=HOSTILE,
    valuation_id=HOSTILE,
    area=st.decimals(),
    area_unit=HOSTILE,
    product=st.none() | HOSTILE,
    loan_stage=st.none() | HOSTILE,
    business_ref=st.none() | HOSTILE,
    subject_token=st.none() | HOSTILE,
    note=st.none() | HOSTILE,
    community=st.none() | HOSTILE,
    building=st.none() | HOSTILE,
    usage=st.none() | HOSTILE,
    property_type=st.none() | HOSTILE,
    floor=INTEGERS,
    total_floors=INTEGERS,
    built_year=INTEGERS,
    rooms=INTEGERS,
    value_date=st.none() | st.dates(),
    action=st.sampled_from(Action),
    service_type=st.sampled_from(ServiceType),
)
def test_no_input_makes_the_rules_raise(**changes):
    for lane in Lane:
        for problem in problems(a_request(**changes), lane=lane, today=TODAY):
            assert problem.field in Requested.__slots__
            problem.message.encode()


def test_half_a_surrogate_pair_in_the_channel_is_a_problem_and_no_error():
    found = problems(a_request(channel="\ud800", valuation_id="v"), lane=Lane.ONLINE, today=TODAY)
    assert "channel" in {problem.field for problem in found}
