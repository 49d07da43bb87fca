import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from streams.reporting import fonts, sample
from streams.reporting.content import slip
from streams.reporting.fonts import MissingFontsError, font_folder
from streams.reporting.package import SHIPPED
from streams.reporting.render import TypstRenderer

CASES = sorted(path.stem for path in (SHIPPED / "samples").glob("*.json"))


def text_of(pdf: bytes) -> str:
    """What a reader of the PDF can select and copy, without the white space of the layout."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"[\s\u200b]", "", "".join(page.extract_text() for page in pages))


@pytest.fixture(scope="module")
def drawn(renderer, terms):
    def draw(result):
        content = slip(result, terms).content
        return content, renderer.render(content, issued_at_s=int(result.resulted_at.timestamp()))

    return draw


_NOT_PRINTED = {"verification_url", "fields", "kind", "code", "tone", "unavailable"}


def texts_in(content: object) -> list[str]:
    """Every text that the template must lay out."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        shown = (value for key, value in content.items() if key not in _NOT_PRINTED)
        return [text for value in shown for text in texts_in(value)]
    return [text for value in content for text in texts_in(value)] if isinstance(content, list) else []


@pytest.mark.requirement("RP4")
@pytest.mark.parametrize("case", CASES)
def test_every_text_and_figure_of_the_content_stands_on_the_page(drawn, case):
    content, rendered = drawn(sample.shipped(case))
    page = text_of(rendered.pdf)
    missing = [text for text in texts_in(content) if re.sub(r"\s", "", text) not in page]
    assert missing == []


@pytest.mark.requirement("RP4")
def test_every_figure_of_the_event_stands_on_the_page(drawn):
    result = sample.automatic()
    page = text_of(drawn(result)[1].pdf)
    figures = [result.value, result.unit_price, result.lower, result.upper, result.valuation.base_unit_price]
    figures += [row.unit_price for row in result.valuation.comparables]
    figures += [row.adjusted_unit_price for row in result.valuation.comparables]
    assert [figure for figure in figures if f"{figure:,}" not in page] == []
    assert f"{result.area_m2}㎡" in page
    assert f"{result.valuation.confidence}/100" in page


@pytest.mark.requirement("RP4")
def test_a_page_shows_what_its_event_says_and_not_the_last_one(drawn):
    drawn(sample.automatic())
    page = text_of(drawn(replace(sample.automatic(), value=3_842_529))[1].pdf)
    assert "3,842,529" in page
    assert "3,842,528" not in page


@pytest.mark.requirement("RP2")
def test_the_same_event_gives_the_same_bytes_also_from_another_compiler(drawn, package, terms):
    result = sample.automatic()
    first = drawn(result)[1].pdf
    drawn(sample.manual())
    content = slip(result, terms).content
    fresh = TypstRenderer(font_folder(), package).render(content, issued_at_s=int(result.resulted_at.timestamp()))
    assert first == drawn(result)[1].pdf == fresh.pdf


def test_chinese_fonts_are_embedded(drawn):
    _, rendered = drawn(sample.automatic())
    page = PdfReader(io.BytesIO(rendered.pdf)).pages[0]
    faces = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    assert {face["/BaseFont"].split("+")[1].split("-")[0] for face in faces} >= {"NotoSansCJKsc", "NotoSerifCJKsc"}
    for face in faces:
        assert "/FontFile3" in face["/DescendantFonts"][0].get_object()["/FontDescriptor"]


def test_an_ordinary_slip_is_one_page_and_the_longest_has_two(drawn):
    ordinary = sample.automatic()
    long_address = "浙江省杭州市滨江区" * 22
    row = replace(ordinary.valuation.comparables[0], community_name="一个名字很长很长的小区三期北区" * 3)
    reason = replace(ordinary.valuation.reasons[0], factor="FROM_TOMORROW", text="一种新的影响因素")
    longest = replace(
        ordinary,
        address_entered=long_address,
        address=replace(ordinary.address, normalised=long_address),
        business_ref="X" * 64,
        client_request_id="Y" * 64,
        valuation=replace(ordinary.valuation, comparables=(row,) * 6, reasons=(reason,) * 10),
    )
    for result, pages in ((ordinary, 1), (sample.manual(), 1), (longest, 2)):
        rendered = drawn(result)[1]
        assert rendered.pages == len(PdfReader(io.BytesIO(rendered.pdf)).pages) == pages


def test_a_made_up_market_is_marked_in_large_letters_and_a_real_one_is_not(drawn):
    made_up = sample.automatic()
    rows = tuple(replace(row, source="registry") for row in made_up.valuation.comparables)
    real = replace(made_up, valuation=replace(made_up.valuation, comparables=rows, sources=("registry",)))
    assert "合成市场数据·仅供演示" in text_of(drawn(made_up)[1].pdf)
    assert "合成市场" not in text_of(drawn(real)[1].pdf)


def test_text_that_looks_like_markup_is_printed_as_it_is(drawn):
    entered = '#panic("x") *粗* $1$ \\ "引号" <b> 3号'
    page = text_of(drawn(replace(sample.automatic(), address_entered=entered))[1].pdf)
    assert re.sub(r"\s", "", entered) in page


def test_without_fonts_there_is_a_clear_message(monkeypatch):
    monkeypatch.setattr(fonts, "_wheel_folders", list)
    monkeypatch.setattr(fonts, "_DEBIAN_FOLDER", Path("/nowhere"))
    with pytest.raises(MissingFontsError, match="install the Python package mplfonts or the Debian package"):
        font_folder()
