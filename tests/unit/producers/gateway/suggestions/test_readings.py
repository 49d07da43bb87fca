import pytest

from producers.gateway.suggestions.readings import Place, Reading, place_named, readings
from schemas.domain.divisions import divisions


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("望京花", Reading(text="望京花")),
        ("北京市望京花", Reading(text="望京花", city="北京市")),
        ("北京市朝阳区望京花", Reading(text="望京花", city="北京市", district="朝阳区")),
        ("浙江省杭州市西湖区翠", Reading(text="翠", city="杭州市", district="西湖区")),
        ("浙江省翠苑", Reading(text="翠苑")),
        ("北京市宣武区椿树", Reading(text="椿树", city="北京市", district="西城区")),
        ("义乌市江东", Reading(text="江东", city="金华市", district="义乌市")),
        ("东莞市万江", Reading(text="万江", city="东莞市")),
        ("wjhy", Reading(text="WJHY")),
    ],
)
def test_names_in_full_are_read_as_the_place_they_name(typed, first):
    assert readings(typed, divisions())[0] == first


def test_shortened_names_are_a_place_only_in_the_second_reading():
    assert readings("北京华侨", divisions()) == (Reading(text="北京华侨"), Reading(text="华侨", city="北京市"))


def test_a_district_of_several_cities_is_looked_for_nearby_first():
    (anywhere,) = readings("朝阳区花园", divisions())
    assert anywhere == Reading(text="花园", district="朝阳区")
    (near,) = readings("朝阳区花园", divisions(), "长春市")
    assert near == Reading(text="花园", city="长春市", district="朝阳区")


@pytest.mark.parametrize("typed", ["", " ", "北京市", "北京市朝阳区", "💥"])
def test_without_a_beginning_of_a_name_there_is_nothing_to_look_up(typed):
    assert all(reading.text in {"北京市", "北京"} for reading in readings(typed, divisions()))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("杭州市", Place(city="杭州市")),
        ("杭州", Place(city="杭州市")),
        ("義烏市", Place(city="金华市", district="义乌市")),
        ("义乌", Place(city="金华市", district="义乌市")),
        ("朝阳区", None),
        ("亚特兰蒂斯", None),
    ],
)
def test_a_city_is_named_in_full_or_shortened(name, place):
    assert place_named(name, divisions()) == place
