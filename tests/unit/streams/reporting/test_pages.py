"""What people see: every page as a small grey picture, compared with the golden one.

Drawn by Typst itself, with fonts from a pinned wheel, so pictures hardly differ between machines; what does is the last
bit of a smoothed edge. So squares are compared by their mean: a line that moved, a figure that is gone or a watermark
that is missing shows; a bit of an edge does not.
"""

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from schemas.events import ReportRevoked
from streams.reporting import sample
from streams.reporting.content import slip
from streams.reporting.notices import revoked

GOLDEN = Path(__file__).parents[3] / "golden" / "pages"
PPI = 36  # a page is 298 x 421 points: lines of text are grey bars of their own
SQUARE = 6  # points: less than a line of text is high
TOLERANCE = 5  # of 255 in the mean of a square; the faint watermark is worth 9, a line of text 20 and more

pytestmark = pytest.mark.requirement("RP2")


def content_of(case: str, terms):
    if case != "revoked":
        return slip(sample.shipped(case), terms).content
    result = sample.shipped("commercial")
    drawn = slip(result, terms)
    revocation = ReportRevoked(
        valuation_id=result.valuation_id,
        report_no=drawn.report_no,
        channel=result.channel,
        reason="建筑面积录入有误，经复核更正",
        revoked_at=datetime(2026, 11, 25, 2, 0, tzinfo=UTC),
        replaced_by=f"{drawn.report_no[:-1]}2",
    )
    return revoked(drawn.content, revocation, terms.texts)


def grey(png: bytes) -> Image.Image:
    """Thirty-two shades are enough to see, and make a picture small."""
    return Image.open(io.BytesIO(png)).convert("L").point(lambda shade: shade // 8 * 8)


def squares(picture: Image.Image) -> np.ndarray:
    """The mean shade of each square."""
    shades = np.asarray(picture, dtype=float)
    high, wide = (side // SQUARE * SQUARE for side in shades.shape)
    return shades[:high, :wide].reshape(high // SQUARE, SQUARE, wide // SQUARE, SQUARE).mean(axis=(1, 3))


def difference(one: Image.Image, other: Image.Image) -> float:
    """The largest difference of a square; 255 for pages of another size."""
    return 255.0 if one.size != other.size else float(np.abs(squares(one) - squares(other)).max())


@pytest.mark.parametrize(
    "case",
    [
        *("automatic", "manual", "verified", "note", "commercial", "correction", "revoked", "preliminary", "longest"),
        "customer",
    ],
)
def test_every_page_looks_like_the_golden_one(renderer, terms, case):
    pages = [grey(png) for png in renderer.images(content_of(case, terms), ppi=PPI)]
    paths = [GOLDEN / f"{case}-{place}.png" for place in range(1, len(pages) + 1)]
    if os.environ.get("UPDATE_GOLDEN"):
        for path, page in zip(paths, pages, strict=True):
            page.save(path, optimize=True)
    assert sorted(GOLDEN.glob(f"{case}-*.png")) == paths
    for path, page in zip(paths, pages, strict=True):
        found = difference(page, Image.open(path))
        assert found <= TOLERANCE, f"{path.name} differs by {found:.0f}; if it is meant: UPDATE_GOLDEN=1 and look at it"


def test_a_missing_watermark_another_figure_and_a_moved_line_are_each_seen(renderer, terms):
    content = content_of("preliminary", terms)
    value = content["value"]
    (page,) = (grey(png) for png in renderer.images(content, ppi=PPI))
    for changed in (
        content | {"watermark": None},
        content | {"value": value | {"total": value["total"].replace("3", "1")}},
        content | {"notices": []},
    ):
        (other,) = (grey(png) for png in renderer.images(changed, ppi=PPI))
        assert difference(page, other) > TOLERANCE
