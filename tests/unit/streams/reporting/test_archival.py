"""PDF/A-3b: identified as such, with fonts and colours inside, and with the figures attached for machines."""

import io
import json
import re
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from streams.reporting import sample
from streams.reporting.attachment import attached_content
from streams.reporting.content import slip
from streams.reporting.identity import content_digest, verification_code
from streams.reporting.render import ATTACHMENT

pytestmark = pytest.mark.requirement("RP2")
ADDED_LATER = {"digest", "verification_code", "verification_url"}


@pytest.fixture(scope="module")
def made(renderer, terms):
    result = sample.manual()
    drawn = slip(result, terms)
    return drawn, renderer.render(drawn.content, issued_at_s=int(result.resulted_at.timestamp())).pdf


@pytest.fixture(scope="module")
def reader(made):
    return PdfReader(io.BytesIO(made[1]))


def test_the_file_says_that_it_is_pdf_a_3b_and_has_its_colours_defined(reader):
    metadata = reader.xmp_metadata.stream.get_data().decode()
    assert re.search(r"<pdfaid:part>3</pdfaid:part>", metadata)
    assert re.search(r"<pdfaid:conformance>B</pdfaid:conformance>", metadata)
    (intent,) = reader.trailer["/Root"]["/OutputIntents"]
    assert intent.get_object()["/S"] == "/GTS_PDFA1"
    assert not reader.is_encrypted


def test_title_issuer_language_and_time_are_in_its_metadata(made, reader):
    assert reader.metadata.title == f"房屋估价报告单 {made[0].report_no}"
    assert reader.metadata.author == "房屋自动估值服务"
    assert reader.metadata.creation_date == datetime(2026, 11, 24, 6, 12, 5, tzinfo=UTC)
    assert reader.trailer["/Root"]["/Lang"] == "zh-CN"


def test_every_font_is_embedded_on_every_page(reader):
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            face = font.get_object()["/DescendantFonts"][0].get_object()
            assert "/FontFile3" in face["/FontDescriptor"]


def test_the_attached_json_is_the_content_and_its_digest_is_the_printed_one(made, reader):
    drawn, pdf = made
    attached = json.loads(reader.attachments[ATTACHMENT][0])
    assert attached == drawn.content == attached_content(pdf)
    digest = content_digest({key: value for key, value in attached.items() if key not in ADDED_LATER})
    assert digest == attached["digest"]
    assert verification_code(digest) == attached["verification_code"]
    assert reader.trailer["/Root"]["/AF"][0].get_object()["/AFRelationship"] == "/Data"


@pytest.mark.requirement("RP4")
def test_the_figures_for_machines_are_those_of_the_event(made):
    result, fields = sample.manual(), made[0].content["fields"]
    assert (fields["value"], fields["unit_price"]) == (result.value, result.unit_price)
    assert (fields["lower"], fields["upper"]) == (result.lower, result.upper)
    assert (fields["area_m2"], fields["valid_until"]) == ("89.63", "2027-02-22")
    assert (fields["channel"], fields["business_ref"]) == (result.channel, result.business_ref)
