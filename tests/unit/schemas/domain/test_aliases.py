from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import AliasSource, MatchLevel
from schemas.domain.aliases import alias_key, confirmed_alias, is_learnable
from schemas.domain.normalise import normalise
from schemas.events import AddressPart, Candidate, ResolvedAddress
from schemas.ids import pseudonym

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)


def candidate(community_id, name, matched_by="similar"):
    return Candidate(
        community_id=community_id,
        name=name,
        city="北京市",
        district="朝阳区",
        probability=0.5,
        matched_by=matched_by,
    )


def taught(written, *candidates, confirmed="a", origin="rules"):
    """What the confirmation of a community teaches about a written name."""
    address = ResolvedAddress(
        entered=f"北京市朝阳区{written}3号楼",
        normalised=f"北京市朝阳区{written}3幢",
        match_level=MatchLevel.DISTRICT,
        probability=0.5,
        candidates=candidates,
        parts=(AddressPart(level="community", text=written, origin=origin),),
    )
    return confirmed_alias(
        address,
        confirmed,
        source=AliasSource.REVIEWER,
        confirmed_by=pseudonym("reviewer", "lin"),
        confirmed_at=NOON,
        valuation_id="v-1",
    )


@pytest.mark.requirement("AD1")
def test_a_confirmed_name_is_an_alias_in_its_city_with_who_and_when():
    alias = taught("珠江嘉园", candidate("a", "珠江罗马嘉园"), candidate("b", "珠江帝景"))
    assert (alias.alias, alias.city, alias.community_id) == ("珠江嘉园", "北京市", "a")
    assert alias.alias_key == "北京市|珠江嘉园"
    assert (alias.source, alias.confirmed_at, alias.valuation_id) == (AliasSource.REVIEWER, NOON, "v-1")


@pytest.mark.requirement("SE1")
def test_who_confirmed_is_a_pseudonym_that_tells_people_apart():
    assert "lin" not in pseudonym("reviewer", "lin.xiao")
    assert pseudonym("reviewer", "lin") == pseudonym("reviewer", "lin") != pseudonym("reviewer", "wu")


@pytest.mark.parametrize("matched_by", ["name", "alias", "name and road"])
def test_a_name_that_is_known_already_teaches_nothing(matched_by):
    assert taught("阳光花园", candidate("a", "阳光花园", matched_by), candidate("b", "阳光家园")) is None


def test_a_name_that_was_looked_up_and_not_written_teaches_nothing():
    assert taught("珠江罗马嘉园", candidate("a", "珠江罗马嘉园"), origin="dictionary") is None


def test_what_was_not_offered_teaches_nothing():
    assert taught("珠江嘉园", candidate("b", "珠江帝景"), confirmed="a") is None


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("written", "name", "other"),
    [
        ("望京花园", "望京花园一期", "望京花园二期"),
        ("望京西园", "望京西园三区", "望京西园四区"),
        ("团结湖里", "团结湖东里", "团结湖西里"),
        ("阳光花圆", "阳光花园", "阳光花园"),  # namesakes in two districts
        ("望京花园三期", "望京花园一期", "望京花园二期"),
    ],
)
def test_a_name_that_fits_a_sibling_as_well_is_not_learned_from_one_case(written, name, other):
    assert taught(written, candidate("a", name), candidate("b", other)) is None


def test_a_name_that_says_which_sibling_it_means_is_learned():
    alias = taught("望京西苑三区", candidate("a", "望京西园3区"), candidate("b", "望京西园4区"))
    assert alias is not None
    assert alias.community_id == "a"


@pytest.mark.requirement("AD1", "SE1")
@pytest.mark.parametrize(
    "written",
    [
        *(
            "王小明望京西园",
            "王小明望京西苑三区",
            "张伟望京西园3区",
            "阮小明望京西园",
            "欧阳小明望京西园",
            "王女士望京西园",
        ),
        *("王小明先生望京西园", "望京西园三区王小明"),
    ],
)
def test_a_name_with_a_person_beside_it_is_not_learned(written):
    assert taught(written, candidate("a", "望京西园三区")) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("万科城市花园", "城市花园"),
        ("金地名京", "名京"),
        ("石景山玉泉新村", "玉泉新村"),
        ("方庄芳星园", "芳星园"),
        ("马连道中里", "马连道中里一区"),
        ("罗店美兰湖", "美兰湖"),
        ("张江汤臣豪园", "汤臣豪园一期"),
        ("望京花圆", "望京花园"),
    ],
)
def test_a_builder_or_place_beside_a_name_is_no_person(written, name):
    alias = taught(written, candidate("a", name))
    assert alias is not None
    assert alias.alias == written


@pytest.mark.parametrize("text", ["", "园", "3", "12345", "长" * 32, "　 ", "3号楼", "花园小区", "二期"])
def test_what_is_no_name_is_not_learnable(text):
    assert not is_learnable(text)


@given(st.text(max_size=40), st.sampled_from(["北京市", "上海市"]))
def test_one_key_for_every_spelling_of_a_name(text, city):
    assert alias_key(city, text) == alias_key(city, normalise(text))
