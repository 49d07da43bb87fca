"""The property registry: what people established of a house goes into its attributes, and its tags travel."""

from datetime import UTC, datetime

import pytest

from schemas.catalogue import PROPERTIES
from schemas.codes import AttributeOrigin, PropertyTag, PropertyType, Reason, Status, Tradability
from schemas.domain.property_key import canonical
from schemas.events import Enriched, PropertyRecord
from streams.runtime.stage import Change

_ROOM = "北京市朝阳区望京西园三区3号楼2单元501室"


def registered(key, **facts):
    record = PropertyRecord(
        property_key=canonical(key),
        source="不动产登记簿",
        corrected_by="E1024",
        corrected_at=datetime(2026, 11, 20, tzinfo=UTC),
        **facts,
    )
    return Change(topic=PROPERTIES, key=record.property_key, event=record)


@pytest.fixture
def asked(a_view, answer_to):
    """`asked(*records, **request)`: what is published for the room once these records are known."""

    def ask(*records, address=_ROOM, **request):
        view = a_view()
        view.apply(records)
        return answer_to(address, view, **request)

    return ask


@pytest.mark.requirement("AD7")
def test_a_registered_fact_outranks_the_dictionary_and_says_so(asked):
    attributes = asked(registered("w3", built_year=2005, has_lift=False, structure="钢混")).attributes
    assert (attributes.built_year, attributes.has_lift, attributes.structure) == (2005, False, "钢混")
    assert {attributes.origins[name] for name in ("built_year", "has_lift", "structure")} == {AttributeOrigin.REGISTRY}
    assert attributes.origins["total_floors"] is AttributeOrigin.DICTIONARY


@pytest.mark.requirement("AD7")
def test_the_closest_record_is_believed_first(asked):
    records = [
        registered("w3", built_year=2001, total_floors=11),
        registered("w3|3", built_year=2002, total_floors=12),
        registered("w3|3|2", built_year=2003),
        registered("w3|3|2|501", floor=6),
        registered("w3|3|2|502", floor=7, built_year=1990),
        registered("w3|4", built_year=1991),
        registered("w4", built_year=1992),
    ]
    attributes = asked(*records).attributes
    assert (attributes.built_year, attributes.total_floors, attributes.floor) == (2003, 12, 6)
    assert attributes.origins["floor"] is AttributeOrigin.REGISTRY, "501 is no proof of the fifth floor"


def test_a_buildings_record_does_not_say_on_which_floor_a_room_lies(asked):
    assert asked(registered("w3|3", floor=9, rooms=4)).attributes.floor == 5


@pytest.mark.requirement("AD7")
def test_tags_of_all_levels_travel(asked):
    records = [registered("w3", tags=(PropertyTag.THINLY_TRADED,)), registered("w3|3", tags=(PropertyTag.DISPUTED,))]
    assert asked(*records).tags == (PropertyTag.DISPUTED, PropertyTag.THINLY_TRADED)
    assert asked().tags == ()


@pytest.mark.requirement("AD7")
@pytest.mark.parametrize(
    ("facts", "request_fields"),
    [
        ({"floor": 5}, {"floor": 6}),
        ({"total_floors": 12}, {"total_floors": 18}),
        ({"total_floors": 6}, {"floor": 7}),
        ({"built_year": 2003}, {"built_year": 2006}),
        ({"property_type": PropertyType.VILLA}, {"property_type": "APARTMENT"}),
    ],
    ids=["floor", "height", "above the roof", "year", "type"],
)
def test_a_stated_value_against_the_registry_stands_and_a_person_looks(asked, facts, request_fields):
    enriched = asked(registered("w3|3|2|501", **facts), **request_fields)
    assert isinstance(enriched, Enriched)
    assert enriched.concerns == (Reason.VERIFY_MISMATCH,)
    for name, value in request_fields.items():
        assert getattr(enriched.attributes, name) == value
        assert enriched.attributes.origins[name] is AttributeOrigin.REQUEST


@pytest.mark.parametrize(
    "request_fields", [{"floor": 5}, {"built_year": 2004}, {"property_type": "APARTMENT"}, {"rooms": 3}, {}]
)
def test_what_agrees_or_is_not_registered_is_no_contradiction(asked, request_fields):
    record = registered("w3|3|2|501", floor=5, built_year=2003, property_type=PropertyType.APARTMENT)
    assert asked(record, **request_fields).concerns == ()


@pytest.mark.requirement("AD7", "AD5")
def test_a_registered_title_that_may_not_be_sold_is_refused(asked):
    refused = asked(registered("w3|3|2|501", tradability=Tradability.SMALL_TITLE))
    assert (refused.status, refused.reasons) == (Status.NOT_ELIGIBLE, (Reason.NOT_TRADABLE,))


@pytest.mark.requirement("AD7", "AD5")
def test_a_registered_sale_ends_what_the_dictionary_says_of_the_title(asked):
    address = "北京市海淀区碧水小产权新村3号楼501"
    assert asked(address=address).status is Status.NOT_ELIGIBLE
    record = registered("s1|3||501", tradability=Tradability.TRADABLE)
    assert asked(record, address=address).attributes.tradability is Tradability.TRADABLE


@pytest.mark.requirement("AD5")
def test_words_beside_the_address_that_forbid_a_sale_are_not_overruled(asked):
    record = registered("w3|3|2|501", tradability=Tradability.TRADABLE)
    assert asked(record, address=f"{_ROOM}(小产权房)").status is Status.NOT_ELIGIBLE


@pytest.mark.requirement("AD7")
def test_corrections_are_live(a_view, answer_to):
    view = a_view()
    view.apply([registered("w3", built_year=2005)])
    assert answer_to(_ROOM, view).attributes.built_year == 2005
    view.apply([registered("w3", built_year=2006)])
    assert answer_to(_ROOM, view).attributes.built_year == 2006
    view.apply([Change(topic=PROPERTIES, key="w3", event=None)])
    assert answer_to(_ROOM, view).attributes.built_year == 2003


def test_an_unknown_community_has_no_record(asked):
    assert asked(registered("w3", tags=("DISPUTED",)), address="北京市朝阳区从未见过的名字3号楼501").tags == ()
