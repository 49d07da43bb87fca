"""What is suggested, in which order, and while communities come and go."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.readings import Place, readings
from schemas.codes import AliasSource
from schemas.domain.aliases import alias_key
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from schemas.events import Community, CommunityAlias

BEIJING, HANGZHOU = Place(city="北京市"), Place(city="杭州市")


def a_community(community_id, name, city="北京市", district="朝阳区", **changes):
    province = {"北京市": "北京市", "杭州市": "浙江省", "长春市": "吉林省"}.get(city, "浙江省")
    return Community(community_id=community_id, name=name, province=province, city=city, district=district, **changes)


def an_alias(alias, community_id, city="北京市", source=AliasSource.IMPORT):
    return CommunityAlias(
        alias_key=alias_key(city, alias),
        alias=alias,
        city=city,
        community_id=community_id,
        source=source,
        confirmed_by="reviewer-1",
        confirmed_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


def index_of(*communities, aliases=()):
    index = SuggestionIndex(divisions())
    index.apply({one.community_id: one for one in communities}, {one.alias_key: one for one in aliases})
    return index


def names(index, typed, **how):
    return [one.name for one in index.suggest(typed, **how)]


def marked(suggestion):
    shown = suggestion.alias or suggestion.name
    return shown[suggestion.highlight.start : suggestion.highlight.end]


SMALL = (
    a_community("w1", "望京花园", households=800),
    a_community("w2", "望京花园东区", households=3_000),
    a_community("w3", "望京西园三区", households=5_000),
    a_community("w4", "大望京花园", households=9_000),
    a_community("h1", "望京花园", "杭州市", "西湖区"),
    a_community("h2", "翠苑一区", "杭州市", "西湖区", aliases=("文华公寓",)),
)


@pytest.mark.requirement("AD6")
def test_a_whole_name_comes_first_then_beginnings_and_last_what_lies_inside_a_name():
    found = index_of(*SMALL).suggest("望京花园")
    assert [one.community_id for one in found] == ["w1", "h1", "w2", "w4"]
    assert [marked(one) for one in found] == ["望京花园"] * 4
    assert (found[3].highlight.start, found[3].highlight.end) == (1, 5)


@pytest.mark.requirement("AD6")
def test_the_larger_community_comes_first_and_then_the_shorter_name():
    assert [one.community_id for one in index_of(*SMALL).suggest("望京")] == ["w3", "w2", "w1", "h1", "w4"]
    unknown = index_of(
        a_community("a", "金都花园一区"), a_community("b", "金都花园"), a_community("c", "金都花园十八区")
    )
    assert names(unknown, "金都") == ["金都花园", "金都花园一区", "金都花园十八区"]


@pytest.mark.requirement("AD6")
def test_the_city_comes_first_and_namesakes_are_told_apart():
    found = index_of(*SMALL).suggest("望京花园", near=HANGZHOU)
    assert [(one.name, one.city, one.district) for one in found[:2]] == [
        ("望京花园", "杭州市", "西湖区"),
        ("望京花园", "北京市", "朝阳区"),
    ]


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize(
    ("typed", "first", "mark"),
    [
        ("wang", "望京西园三区", "望"),
        ("wangj", "望京西园三区", "望京"),
        ("WangJing", "望京西园三区", "望京"),
        ("wang'jing'hua", "望京花园东区", "望京花"),
        ("wangjinghuayuan", "望京花园", "望京花园"),
        ("wjhy", "望京花园", "望京花园"),
        ("WJXY3", "望京西园三区", "望京西园三"),
        ("cyy", "翠苑一区", "翠苑一"),
        ("cuiyuanyiq", "翠苑一区", "翠苑一区"),
        ("cy1", "翠苑一区", "翠苑一"),
    ],
)
def test_sounds_and_their_initials_are_enough(typed, first, mark):
    found = index_of(*SMALL).suggest(typed)
    assert (found[0].name, marked(found[0])) == (first, mark)


@pytest.mark.requirement("AD6")
def test_a_dictionary_alias_is_found_and_shown_beside_the_name():
    for typed in ("文华", "whgy", "wenhua"):
        (found,) = index_of(*SMALL).suggest(typed)
        assert (found.name, found.alias) == ("翠苑一区", "文华公寓")
        assert marked(found).startswith("文华")


@pytest.mark.requirement("AD6")
def test_an_alias_that_a_person_confirmed_is_found_from_the_next_letter_on_and_follows_its_meaning():
    index = index_of(*SMALL)
    assert index.suggest("老望京") == ()
    confirmed = an_alias("老望京", "w3")
    index.apply({}, {confirmed.alias_key: confirmed})
    (found,) = index.suggest("老望")
    assert (found.community_id, found.name, found.alias) == ("w3", "望京西园三区", "老望京")
    other = an_alias("老望京", "w1")
    index.apply({}, {other.alias_key: other})
    assert [one.community_id for one in index.suggest("老望")] == ["w1"]
    index.apply({}, {other.alias_key: None})
    assert index.suggest("老望") == ()
    assert len(index) == len(SMALL)


def test_an_alias_that_arrives_before_its_community_waits_for_it():
    index = index_of(aliases=[an_alias("老望京", "w3")])
    assert index.suggest("老望京") == ()
    index.apply({"w3": SMALL[2]}, {})
    assert [one.community_id for one in index.suggest("老望京")] == ["w3"]
    index.apply({"w3": a_community("w3", "望京西园")}, {})
    assert [one.name for one in index.suggest("老望京")] == ["望京西园"]


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize("source", [AliasSource.REVIEWER, AliasSource.STAFF_REPLY])
def test_a_name_taken_from_somebodys_address_leads_to_its_community_but_is_never_shown(source):
    index = index_of(*SMALL, aliases=[an_alias("老望京", "w3", source=source), an_alias("望京老街", "w3")])
    for typed in ("老望京", "老望", "laowangjing", "lwj"):
        (found,) = index.suggest(typed)
        assert (found.community_id, found.name, found.alias) == ("w3", "望京西园三区", None)
        assert found.highlight.start == found.highlight.end == 0
    assert [one.alias for one in index.suggest("望京老")] == ["望京老街"]


def test_what_is_not_shown_stays_so_when_segments_are_merged_and_when_an_import_says_it_too():
    index = index_of(*SMALL, aliases=[an_alias("老望京", "w3", source=AliasSource.REVIEWER)])
    for number in range(20):
        index.apply({f"c{number}": a_community(f"c{number}", f"某某{number}号院")}, {})
    assert [one.alias for one in index.suggest("老望")] == [None]
    imported = an_alias("老望京", "w3")
    index.apply({}, {imported.alias_key: imported})
    assert [one.alias for one in index.suggest("老望")] == ["老望京"]


@pytest.mark.requirement("AD6")
def test_an_alias_that_is_another_communitys_name_in_that_city_does_not_lead_away_from_it():
    index = index_of(*SMALL, aliases=[an_alias("望京花园", "w3"), an_alias("望京花园东区", "w4")])
    assert [one.community_id for one in index.suggest("望京花园")] == ["w1", "h1", "w2", "w4"]
    assert all(one.alias is None for one in index.suggest("望京"))
    index.apply({"w1": None}, {})
    assert ("w3", "望京花园") in [(one.community_id, one.alias) for one in index.suggest("望京花园")]
    index.apply({"w1": SMALL[0]}, {})
    assert [one.community_id for one in index.suggest("望京花园")] == ["w1", "h1", "w2", "w4"]


def test_a_namesake_in_another_city_takes_no_alias_away():
    index = index_of(*SMALL, aliases=[an_alias("望京花园", "h2", city="杭州市"), an_alias("翠苑一区", "w1")])
    assert {one.community_id: one.alias for one in index.suggest("翠苑一")} == {"h2": None, "w1": "翠苑一区"}
    assert "h2" not in [one.community_id for one in index.suggest("望京花园")]


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize("alias", ["小区", "公寓", "南区", "3号楼", "十二号院", "A座"])
def test_an_alias_that_says_nothing_is_not_suggested(alias):
    index = index_of(*SMALL, aliases=[an_alias(alias, "w3")])
    assert alias not in [one.alias for one in index.suggest(alias)]


def test_an_alias_of_another_city_than_its_community_is_not_suggested():
    assert index_of(*SMALL, aliases=[an_alias("老望京", "w3", city="杭州市")]).suggest("老望京") == ()
    assert index_of(*SMALL, aliases=[an_alias("老望京", "w3", city="北京")]).suggest("老望京") != ()


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize(
    "typed", ["北京市朝阳区望京花", "北京朝阳区望京花", "朝阳区望京花", "北京望京花", "北京市 朝阳 望京花"]
)
def test_a_place_before_the_name_is_understood(typed):
    found = index_of(*SMALL, a_community("x", "望京花苑", district="海淀区")).suggest(typed)
    assert [one.community_id for one in found][:2] == ["w2", "w1"]
    assert all(one.city == "北京市" for one in found)
    assert marked(found[0]) == "望京花"


def test_a_name_that_begins_like_a_place_is_still_a_name():
    index = index_of(a_community("b", "北京华侨城"), a_community("c", "朝阳花园", "长春市", "朝阳区"))
    assert names(index, "北京华") == ["北京华侨城"]
    assert names(index, "朝阳花") == ["朝阳花园"]


@pytest.mark.requirement("AD6")
def test_a_numeral_is_understood_before_its_counter_is_typed():
    index = index_of(
        a_community("p2", "翠湖花园二期"), a_community("p12", "翠湖花园十二区"), a_community("s", "三里屯小区")
    )
    assert names(index, "翠湖花园二") == ["翠湖花园二期"]
    assert names(index, "翠湖花园十二") == ["翠湖花园十二区"]
    assert names(index, "三里") == ["三里屯小区"]
    assert [marked(one) for one in index.suggest("翠湖花园二")] == ["翠湖花园二"]


def test_a_typed_place_is_not_left():
    assert names(index_of(*SMALL), "杭州市西园") == []


def test_a_community_that_changes_its_name_or_leaves_is_not_found_by_the_old_one():
    index = index_of(*SMALL)
    index.apply({"w1": a_community("w1", "新都家园"), "w4": None}, {})
    assert [one.community_id for one in index.suggest("望京花园")] == ["h1", "w2"]
    assert names(index, "新都") == ["新都家园"]
    assert len(index) == len(SMALL) - 1


def test_never_more_than_asked_for_and_each_community_once():
    many = [a_community(f"c{n}", f"阳光花园{n}区", aliases=(f"阳光城{n}",), households=100 * n) for n in range(90)]
    found = index_of(*many).suggest("阳光", most=10)
    assert [one.community_id for one in found] == [f"c{n}" for n in range(89, 79, -1)]


def test_characters_beyond_the_packed_ones_count():
    one = a_community("a", "万科城市花园御景华府甲区")
    other = a_community("b", "万科城市花园御景华府乙区", households=9_000)
    assert names(index_of(one, other), "万科城市花园御景华府甲") == ["万科城市花园御景华府甲区"]


@pytest.mark.parametrize("typed", ["", "。", "💥", "\x00", "'; drop table", "望" * 200, "a" * 200, "𠮷", "(", "-"])
def test_nothing_typed_breaks_it(typed):
    assert index_of(*SMALL).suggest(typed) == ()


def test_an_empty_index_suggests_nothing():
    index = SuggestionIndex(divisions())
    assert index.suggest("望京") == ()
    index.apply({"gone": None}, {})
    assert len(index) == 0


_NAMES = st.text("望京花园西东区一二3A", min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.none() | _NAMES), min_size=1, max_size=6), min_size=1, max_size=8
    ),
    typed=st.text("望京花园西东区一二3A", min_size=1, max_size=3),
)
@example(changes=[[(0, "一区")]], typed="一")
@example(changes=[[(0, "西区花园")]], typed="西区花")
def test_whatever_came_and_went_all_that_hold_what_was_typed_are_found_and_nothing_else(changes, typed):
    index, stands = SuggestionIndex(divisions()), {}
    for batch in changes:
        event = {f"c{n}": name and a_community(f"c{n}", name) for n, name in batch}
        index.apply(event, {})
        stands |= event
    alive = {key: one for key, one in stands.items() if one is not None}
    assert len(index) == len(alive)
    wanted = normalise(typed)
    begins = {key for key, one in alive.items() if normalise(one.name).startswith(wanted)}
    holds = {key for key, one in alive.items() if wanted in normalise(one.name)} if len(wanted) > 1 else begins
    found = [one.community_id for one in index.suggest(typed, most=50)] if wanted else []
    if wanted.isascii():  # letters may also be initials
        assert begins <= set(found)
    else:
        assert begins <= set(found)
        assert holds <= set(found)
        forms = {reading.text for reading in readings(typed, divisions())}  # 一 may be the 1 of 1区
        assert all(any(form in normalise(alive[key].name) for form in forms) for key in found)
        order = [key in begins for key in found]
        assert order == sorted(order, reverse=True)
        assert [key for key, _ in itertools.groupby(found)] == found


@pytest.mark.requirement("AD6")
def test_segments_stay_few_while_communities_trickle_in():
    index = SuggestionIndex(divisions())
    for number in range(300):
        index.apply({f"c{number}": a_community(f"c{number}", f"望京{number}号院")}, {})
    assert len(index) == 300
    assert len(index._segments) <= 6
    assert names(index, "望京299") == ["望京299号院"]
