import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.normalise import LONGEST, normalise, number

_HOUSE_WORDS = st.text(
    alphabet=st.sampled_from("〇零一二三十百0123456789号幢栋楼座单元室区门期#-—,. ()[]abZ東園街９３①朝阳"), max_size=40
)
_NUMERALS = re.compile("[〇零一二三四五六七八九十百]")


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        ("北京市朝陽區望京西園三區３號樓２單元５０１室", "北京市朝阳区望京西园3区3号楼2单元501室"),
        ("三幢", "3幢"),
        ("三十二栋", "32幢"),
        ("一百零五号楼", "105号楼"),
        ("3#楼501", "3幢501"),
        ("三#", "3幢"),
        ("5 # 2 单元", "5幢2单元"),
        ("〇三号幢", "03幢"),
        ("3—2—501", "3-2-501"),
        ("3号楼，501", "3号楼501"),
        ("3, 501", "3-501"),
        ("三里屯 八里庄", "三里屯八里庄"),
        ("十十幢", "十十幢"),
        ("a座（地下一层）", "A座(地下1层)"),
        ("三门头", "三门头"),
        ("三门101", "3门101"),
        ("三单元五零一", "3单元501"),
        ("3号楼五零一室", "3号楼501室"),
        ("18/30层", "18层共30层"),
        ("18层/共30层", "18层共30层"),
        ("501/502", "501-502"),
        ("河南省三门峡市", "河南省三门峡市"),
        ("浙江省三门县", "浙江省三门县"),
        ("郑州市二七区", "郑州市二七区"),
        ("陕西省乾县", "陕西省乾县"),
        ("", ""),
        ("，。、", ""),
    ],
)
def test_an_address_has_one_spelling(entered, expected):
    assert normalise(entered) == expected


@given(st.text(max_size=60) | _HOUSE_WORDS)
def test_normalising_twice_changes_nothing(entered):
    once = normalise(entered)
    assert normalise(once) == once


@given(st.text(max_size=60) | _HOUSE_WORDS)
def test_a_digit_is_never_changed_added_or_lost(entered):
    before, after = unicodedata.normalize("NFKC", entered), normalise(entered)
    if not _NUMERALS.search(before + after):
        assert re.findall(r"\d+", after) == re.findall(r"\d+", before)


@given(st.text(min_size=1, max_size=8), st.integers(min_value=500, max_value=2000))
def test_very_long_text_is_cut_and_never_raises(piece, times):
    assert len(normalise(piece * times)) <= LONGEST


@pytest.mark.parametrize(
    ("numerals", "value"),
    [
        ("三", 3),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("一百零五", 105),
        ("一二〇三", 1203),
        ("百十", 110),
        ("十十", None),
    ],
)
def test_chinese_numerals_are_read(numerals, value):
    assert number(numerals) == value
