"""Nothing that fits into an address field may raise, stall or change its digits on the way to an answer."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.domain.divisions import divisions
from schemas.domain.normalise import LONGEST, normalise
from streams.enrichment.parse import parse, standard
from tests.fakes.hostile import LONE_SURROGATES, hostile_texts, random_texts

_SEED = 20160831
_KNOWN = divisions()

_places = st.sampled_from(sorted(_KNOWN.counties.values(), key=lambda county: county.code)).flatmap(
    lambda county: st.sampled_from(
        (
            f"{county.province}{county.city}{county.name}",
            f"{county.city}{county.name}",
            f"{county.name}{county.city}",
            county.name,
            "",
        )
    )
)
_roads = st.sampled_from(
    ("", "中山路12号", "建国路甲8号院", "人民南路四段12号", "中山三路12号附3号", "张杨路123弄", "九堡街道")
)
_names = st.sampled_from(
    ("", "望京西园三区", "翠苑一区", "阳光100", "荣丰2008", "万科城市花园二期", "建外SOHO", "紫薇天悦A区", "张家村3组")
)
_units = st.sampled_from(
    (
        *("", "3号楼", "3号楼2单元501室", "3-2-501", "12幢1203", "A座1201", "5栋B单元", "3#2-501", "3栋地下一层"),
        *("2单元东户", "5栋501-502", "5栋十二层", "5栋501室(共18层)", "5栋501，18/30层", "三单元五零一", "甲3号楼101"),
        *("5幢夹层", "4号501室", "12楼A室"),
    )
)
_tails = st.sampled_from(("", " 张三 13800138000", "(电梯房)", "主卧", " 100102", "王先生收", "（业主：李小明）"))
_addresses = st.tuples(_places, _roads, _names, _units, _tails).map("".join)


@pytest.mark.requirement("AD1")
def test_a_hundred_thousand_random_texts_get_an_answer(answer_to, a_view):
    view = a_view()
    for entered in random_texts(_SEED, 100_000):
        answer_to(entered, view)


@pytest.mark.requirement("AD1")
def test_five_thousand_hostile_texts_get_an_answer(answer_to, a_view):
    view = a_view()
    texts = list(hostile_texts(_SEED))
    assert len(texts) == 5_000
    for entered in texts:
        assert entered.encode().decode() == entered, "Avro would not carry it"
        answer_to(entered, view)


@pytest.mark.parametrize("entered", LONE_SURROGATES)
def test_lone_surrogates_are_parsed_too(entered):
    parse(normalise(entered), _KNOWN)


@pytest.mark.requirement("AD1")
def test_hostile_texts_have_one_spelling_of_limited_length():
    for entered in hostile_texts(_SEED):
        once = normalise(entered)
        assert len(once) <= LONGEST
        assert normalise(once) == once


@pytest.mark.requirement("AD1")
@settings(deadline=None, max_examples=400)
@given(_addresses)
def test_parts_are_cut_out_of_the_text_and_never_invented(entered):
    parsed = parse(normalise(entered), _KNOWN)
    assert parsed.text in normalise(entered) or re.search("[0-9]{6}|业主", entered)
    assert all(part.text in parsed.text for part in parsed.parts)
    assert all(part.origin in {"divisions", "rules"} for part in parsed.parts)


@pytest.mark.requirement("AD1")
@settings(deadline=None, max_examples=1_000)
@example("北京市北京市东城区(电梯房)")
@given(_addresses)
def test_the_standard_spelling_is_parsed_into_the_same_parts(entered):
    parsed = parse(normalise(entered), _KNOWN)
    again = parse(normalise(standard(parsed)), _KNOWN)
    assert standard(again) == standard(parsed)
    assert again.unit == parsed.unit
    assert again.middle == parsed.middle
    assert (again.road, again.number, again.phase) == (parsed.road, parsed.number, parsed.phase)
    assert (again.place.city, again.place.county) == (parsed.place.city, parsed.place.county)
