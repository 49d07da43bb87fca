from dataclasses import replace
from itertools import pairwise

import pytest
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given
from hypothesis import strategies as st

from streams.reporting import sample
from streams.reporting.content import slip
from streams.reporting.fonts import font_folder
from streams.reporting.lines import ems, one_line

LONG = "浙江省杭州市滨江区" * 8


@pytest.fixture(scope="module")
def advances() -> dict[str, float]:
    """How wide the characters of the text font are, in ems."""
    folder = font_folder()
    single = folder / "NotoSansCJKsc-Regular.otf"
    if single.is_file():
        with TTFont(single, lazy=True) as font:
            return _advances(font)
    with TTCollection(folder / "NotoSansCJK-Regular.ttc", lazy=True) as faces:
        return _advances(next(face for face in faces if face["name"].getDebugName(1) == "Noto Sans CJK SC"))


def _advances(font: TTFont) -> dict[str, float]:
    widths, units = font["hmtx"], font["head"].unitsPerEm
    return {chr(code): widths[glyph][0] / units for code, glyph in font.getBestCmap().items()}


def test_no_character_is_wider_than_it_is_taken_for(advances):
    assert [character for character, width in advances.items() if width > ems(character)] == []


@given(st.text(alphabet="滨江区幢0123aWm@-. ", max_size=30))
def test_no_text_is_wider_than_it_is_taken_for(advances, text):
    seams = sum(
        not one.isspace() and not two.isspace() and one.isascii() != two.isascii() for one, two in pairwise(text)
    )
    assert ems(text) >= sum(advances[character] for character in text) + seams * 0.25 - 1e-9


def test_an_ordinary_slip_has_a_line_for_each_row(terms):
    assert one_line(slip(sample.automatic(), terms).content) == {
        "range": True,
        "entered": True,
        "resolved": True,
        "comparables": True,
        "subject": [True],
        "business": [True],
        "references": [True],
        "method": [True, True],
    }


def test_a_row_with_a_text_that_may_wrap_is_left_to_be_measured(terms):
    result = sample.automatic()
    address = replace(result.address, normalised=LONG, community_name=LONG)
    long = replace(result, address_entered=LONG, address=address, client_request_id="Y" * 64, branch_code="Z" * 64)
    told = one_line(slip(long, terms).content)
    assert (told["entered"], told["resolved"], told["subject"]) == (False, False, [False])
    assert (told["business"], told["references"], told["method"]) == ([False], [False], [True, True])


@pytest.mark.parametrize(
    "changes",
    [{"community_name": LONG}, {"community_id": "elsewhere", "distance_m": 1_234_567}],
    ids=["name", "distance"],
)
def test_one_comparable_that_may_wrap_leaves_the_table_to_be_measured(terms, changes):
    result = sample.automatic()
    first, *others = result.valuation.comparables
    rows = (replace(first, **changes), *others)
    content = slip(replace(result, valuation=replace(result.valuation, comparables=rows)), terms).content
    assert one_line(content)["comparables"] is False
