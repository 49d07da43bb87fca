import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domain.divisions import divisions
from schemas.domain.normalise import LONGEST, normalise
from streams.enrichment.index import CommunityIndex, Where
from streams.enrichment.resolve import as_address, choose, resolve

_FIRST, _SECOND, _THIRD = "碧春海金锦龙明瑞天翠", "波晖岚桥泉庭湾溪苑岭", "城府阁华居林轩园庄台"
_ENDINGS = ("小区", "花园", "家园", "", "公寓", "一区", "二区")
_STRANGE = "鑫淼焱垚犇骉羴猋麤毳"


@pytest.fixture
def index(a_view):
    return a_view().communities


def _resolved(address, index):
    found = resolve(address, index, divisions())
    return found.chosen.community.community_id if found.chosen else None


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("北京市朝阳区望京西园三区3号楼2单元501室", "w3"),
        ("望京西园三区3-2-501", "w3"),
        ("北京朝阳望京西园叁区3号楼", None),  # 叁 is not 三 in an address
        ("北京市朝阳区望京西园五区3号楼2单元501室", None),
        ("北京市朝阳区朝阳北路罗马嘉园3号楼", "g1"),
        ("北京市朝阳区朝阳北路107号院3号楼", "g1"),
        ("北京市朝阳区建国路8号珠江罗马家园3号楼", "g1"),  # 家园 for 嘉园
        ("北京市海淀区學清路18號院5號樓503", "x1"),
        ("北京市海淀区学清路16号院5号楼503", None),
        ("北京市海淀区阳光花园3号楼", "y2"),
        ("南京市阳光花园3幢", "y3"),
        ("北京市朝阳区团结湖东里3号楼", "t1"),
        ("北京市朝阳区团结湖北里3号楼", None),
        ("北京市朝阳区从未见过的名字3号楼501", None),
    ],
)
def test_an_address_is_resolved_or_honestly_not(address, expected, index):
    assert _resolved(address, index) == expected


@pytest.mark.requirement("AD2")
def test_namesakes_in_two_districts_are_candidates(index):
    found = resolve("北京市阳光花园3号楼501", index, divisions())
    assert found.is_ambiguous
    assert {match.entry.community.community_id for match in found.matches} == {"y1", "y2"}


def test_a_shortened_city_may_be_part_of_a_name_but_is_never_left_out(index, a_community):
    index.put(a_community("b1", "北京新天地"))
    assert _resolved("北京新天地3号楼501", index) == "b1"
    index.remove("y1")
    index.remove("y2")
    assert _resolved("北京阳光花园3号楼501", index) is None  # the one in Nanjing is not meant


def test_a_road_number_tells_namesakes_apart(index):
    assert _resolved("北京市建国路88号阳光花园3号楼501", index) == "y1"


def test_a_name_without_its_phase_asks_for_the_phase(index):
    found = resolve("北京市海淀区紫薇天悦3号楼501", index, divisions())
    assert {match.entry.community.community_id for match in found.matches} == {"p1", "p2"}
    assert found.chosen is None


def test_only_an_offered_candidate_can_be_chosen(index):
    chosen = choose("北京市阳光花园3号楼501", "y1", index, divisions())
    assert chosen is not None
    assert chosen.chosen.community.community_id == "y1"
    assert choose("北京市阳光花园3号楼501", "w3", index, divisions()) is None


def test_changes_are_live(index, a_community):
    index.put(a_community("n1", "新时代公寓"))
    assert _resolved("北京市朝阳区新时代公寓3号楼", index) == "n1"
    index.put(a_community("n1", "旧时光公寓"))
    assert _resolved("北京市朝阳区新时代公寓3号楼", index) is None
    assert _resolved("北京市朝阳区旧时光公寓3号楼", index) == "n1"
    index.remove("n1")
    assert _resolved("北京市朝阳区旧时光公寓3号楼", index) is None
    index.remove("n1")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3) | st.none()), max_size=25))
def test_after_any_changes_the_index_equals_one_built_anew(changes):
    from schemas.events import Community

    names = ("春波城", "春波城一期", "春波小区", "海岚府")
    index, alive = CommunityIndex(divisions()), {}
    for number, name in changes:
        if name is None:
            index.remove(str(number))
            alive.pop(number, None)
        else:
            community = Community(
                community_id=str(number), name=names[name], province="北京市", city="北京市", district="朝阳区"
            )
            index.put(community)
            alive[number] = community
    anew = CommunityIndex(divisions())
    for community in alive.values():
        anew.put(community)
    assert len(index) == len(anew)
    for written in ("春波城", "春波", "海兰府", "春波城2期"):
        assert index.find([written], city=None, limit=20) == anew.find([written], city=None, limit=20)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_resolved_without_an_error(text):
    from schemas.events import Community

    index = CommunityIndex(divisions())
    index.put(Community(community_id="1", name="春波城", province="北京市", city="北京市", district="朝阳区"))
    found = resolve(text, index, divisions())
    assert all(0 <= match.probability <= 1 for match in found.matches)


def test_ten_thousand_characters_cost_no_more_than_a_long_address(index):
    assert len(normalise("望京西园三区" * 1700)) <= LONGEST
    assert resolve("望京西园三区" * 1700, index, divisions()).chosen is None


def _dictionary(a_community, rng):
    districts = ("朝阳区", "海淀区", "丰台区")
    stems = rng.sample([a + b + c for a in _FIRST for b in _SECOND for c in _THIRD], 400)
    return [a_community(f"d{n}", stem + rng.choice(_ENDINGS), rng.choice(districts)) for n, stem in enumerate(stems)]


@pytest.mark.requirement("AD1")
def test_complete_addresses_are_resolved_and_confident_answers_are_right(a_community):
    """Targets of AD1: at least 95 % of complete addresses resolved, at most 1 % of confident answers wrong."""
    rng = random.Random(20261125)
    communities = _dictionary(a_community, rng)
    index = CommunityIndex(divisions())
    for community in communities:
        index.put(community)
    answered = right = 0
    for community in communities:
        place = rng.choice(("北京市", "北京")) + rng.choice((community.district, community.district.removesuffix("区")))
        unit = rng.choice(("3号楼2单元501室", "3-2-501", "三幢二单元501", "12栋1203"))
        name = rng.choice((community.name, f"建国路{rng.randint(1, 99)}号{community.name}"))
        found = _resolved(place + name + unit, index)
        answered += found is not None
        right += found == community.community_id
    assert answered >= 0.95 * len(communities)
    assert right >= 0.99 * answered


def test_unknown_names_are_seldom_taken_for_known_ones(a_community):
    rng = random.Random(7)
    index = CommunityIndex(divisions())
    for community in _dictionary(a_community, rng):
        index.put(community)
    strangers = [
        f"{rng.choice(_STRANGE)}{rng.choice(_SECOND)}{rng.choice(_STRANGE)}{e}" for e in _ENDINGS for _ in range(40)
    ]
    accepted = sum(_resolved(f"北京市朝阳区{name}3号楼501", index) is not None for name in strangers)
    assert accepted <= 0.01 * len(strangers)


def test_putting_the_same_community_again_changes_nothing(index, a_community):
    before = index.find(["望京西园3区"], city="北京市")
    index.put(index.get("w3").community)
    assert index.find(["望京西园3区"], city="北京市") == before
    assert replace(index.get("w3").community) == index.get("w3").community


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(("望京西园三区", "学清路18号院", "翠苑小区", "春波城一期", "建外SOHO")), max_size=8))
def test_put_twice_is_once_and_remove_forgets_all(names):
    from schemas.events import Community

    index = CommunityIndex(divisions())
    communities = [
        Community(
            community_id=str(n), name=name, province="北京市", city="北京市", district="朝阳区", aliases=(name[:3],)
        )
        for n, name in enumerate(names)
    ]
    for community in (*communities, *communities):
        index.put(community)
    assert len(index) == len(communities)
    for community in communities:
        index.remove(community.community_id)
    assert len(index) == 0
    assert all(index.get(community.community_id) is None for community in communities)
    assert all(not index.find([written], city=None) for written in (*names, "望京西圆3区", "CBC1Q", "翠苑"))
    assert not any(map(len, index._postings.values()))
    assert not any(index._characters.values())


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("北京市朝阳区望京西圆三区3号楼", "w3"),  # the wrong choice of a pinyin keyboard
        ("北京市朝阳区旺京西园三区3号楼", "w3"),
        ("北京市朝阳区望望京西园三区3号楼", "w3"),
        ("北京市朝阳区望京园西三区3号楼", "w3"),
        ("3号楼2单元501 望京西园三区 北京市朝阳区", "w3"),
        ("北京市朝阳区的望京西园三区小区里面3号楼", "w3"),
        ("北京市朝阳区珠江罗马嘉园24号2501室", "g1"),
    ],
)
def test_a_slip_or_a_loose_order_leads_to_the_same_community(written, expected, index):
    assert _resolved(written, index) == expected


@pytest.mark.requirement("AD6")
def test_initials_find_a_name_and_digits_among_them_are_never_corrected(index):
    found = resolve("北京市朝阳区wjxy3q", index, divisions())
    assert found.matches[0].entry.community.community_id == "w3"
    assert found.matches[0].matched_by == "initials"
    assert not resolve("北京市朝阳区wjxy5q", index, divisions()).matches


@pytest.mark.requirement("AD6")
def test_the_branchs_city_makes_its_communities_likelier_only_where_no_city_is_written(index):
    hinted = resolve("阳光花园3号楼501", index, divisions(), hint_city="南京市").matches
    assert hinted[0].entry.community.community_id == "y3"
    in_full = resolve("南京市阳光花园3号楼501", index, divisions()).matches[0]
    assert hinted[0].probability < in_full.probability
    stated = resolve("北京市海淀区阳光花园3号楼501", index, divisions(), hint_city="南京市")
    assert stated.chosen.community.community_id == "y2"


@pytest.mark.requirement("AD2")
@pytest.mark.requirement("AD1")
def test_a_road_and_number_before_a_name_made_of_them_leave_no_doubt(index, a_community):
    index.put(a_community("y1", "兴浦家园", aliases=("白塘路249号院",)))
    for address in ("白塘路249号白塘路249号院1幢1单元503室", "白塘路249号（白塘路249号院）1幢1单元503室"):
        assert _resolved(f"北京市朝阳区{address}", index) == "y1"


def test_at_most_five_candidates_are_offered(index, a_community):
    for number in range(9):
        index.put(a_community(f"m{number}", "和平里", "东城区"))
    found = resolve("北京市和平里3号楼501", index, divisions())
    assert found.chosen is None
    assert len(found.matches) <= 5


def test_a_point_of_the_compass_is_never_put_right_by_itself(index):
    assert _resolved("北京市朝阳区团结湖里3号楼", index) is None
    assert _resolved("北京市朝阳区团结湖春里3号楼", index) is None


def test_the_number_of_a_name_and_of_the_building_run_together(index, a_community):
    index.put(a_community("r1", "荣丰2008"))
    found = resolve("北京市朝阳区荣丰20083号楼501", index, divisions())
    assert [match.entry.community.community_id for match in found.matches] == ["r1"]


def test_chances_of_all_candidates_leave_room_for_none(index):
    for written in ("望京西圆三区", "阳光花园", "团结湖里", "紫薇天悦"):
        found = index.find([written], city=None, limit=50)
        assert found
        assert sum(match.probability for match in found) < 1


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "written",
    [
        "浙江省望京西园三区3号楼501",
        "内蒙古自治区望京西园三区3号楼501",
        "浙江望京西园三区3号楼501",
        "浙江省旺京西圆三区3号楼501",
        "浙江省wjxy3q",
        "河北雄安新区望京西园三区3号楼501",
    ],
)
def test_a_community_of_another_province_than_the_stated_one_is_not_meant(written, index):
    assert not resolve(written, index, divisions()).matches


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("written", "hint_city"),
    [("江苏省阳光花园3号楼501", None), ("江苏阳光花园3号楼501", None), ("江苏省阳光花园3号楼501", "北京市")],
)
def test_of_namesakes_the_one_of_the_stated_province_is_meant(written, hint_city, index):
    found = resolve(written, index, divisions(), hint_city=hint_city)
    assert found.chosen.community.community_id == "y3"
    assert as_address(written, found).province == "江苏省"


def test_the_province_of_a_community_is_that_of_its_city(index, a_community):
    index.put(a_community("h1", "未来科技苑", "余杭区", "杭州", province="浙江"))
    index.put(a_community("h2", "远望科技苑", "某区", "无名市", province="浙江"))
    assert {index.get(found).province for found in ("h1", "h2")} == {"浙江省"}


@pytest.mark.requirement("AD6")
def test_a_name_known_only_in_another_city_than_the_branchs_is_never_taken_unasked(index):
    written = "望京西园三区3号楼501"
    assert _resolved(written, index) == "w3"
    found = resolve(written, index, divisions(), hint_city="杭州市")
    assert found.chosen is None
    assert [match.entry.community.community_id for match in found.matches] == ["w3"]


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("written", ["北京", "北京市", "北京朝阳", "中国北京市朝阳区"])
def test_divisions_alone_are_no_name(written, index, a_community):
    for name in ("北京花园", "朝阳花园", "北京里"):
        index.put(a_community(name, name))
    assert not resolve(written, index, divisions()).matches


@pytest.mark.requirement("AD1", "AD2")
def test_a_phase_the_dictionary_lacks_is_not_the_whole_of_which_it_knows_other_phases(index, a_community):
    index.put(a_community("o", "春波河滨城"))
    written = "北京市朝阳区春波河滨城4期3号楼101"
    assert _resolved(written, index) == "o"
    index.put(a_community("o2", "春波河滨城二期"))
    found = resolve(written, index, divisions())
    assert found.chosen is None
    assert [match.entry.community.community_id for match in found.matches] == ["o"]
    assert _resolved("北京市朝阳区春波河滨城3号楼101", index) == "o"
    index.remove("o2")
    index.put(a_community("n2", "春波河滨城二期", "高淳区", "南京市", province="江苏省"))
    assert _resolved(written, index) == "o"


def test_a_slot_that_holds_nothing_is_an_error(a_community):
    index = CommunityIndex(divisions())
    index.put(a_community("1", "春波城"))
    ((slot, _),) = index.candidates(["春波城"], Where())
    assert index.get_at(slot).community.community_id == "1"
    index.remove("1")
    with pytest.raises(LookupError, match=f"slot {slot} "):
        index.get_at(slot)
