"""Draws a slip with Typst. One compiler is kept: it holds the parsed fonts and what pages have in common."""

import json
import re
from pathlib import Path
from typing import Any, Final

import segno
import typst

from streams.reporting.lines import one_line
from streams.reporting.ports import Rendered

TEMPLATES: Final = Path(__file__).with_name("templates")
TEMPLATE_VERSION: Final = "slip-2026.11"
_MASK: Final = 3  # any can be read; trying all eight for the most even one takes several times as long
_DARK = re.compile(rb"\x01+")
_PAGES = re.compile(rb"/Type\s*/Pages\b.*?/Count\s+(\d+)", re.DOTALL)


class TypstRenderer:
    """`Renderer` by Typst. Not for several threads at once. Raises `typst.TypstError` when the template is at fault."""

    template_version = TEMPLATE_VERSION

    def __init__(self, fonts: Path, template: Path = TEMPLATES / "slip" / "slip.typ") -> None:
        self._template = template.name
        self._compiler = typst.Compiler(root=template.parent, font_paths=[fonts], ignore_system_fonts=True)

    def render(self, content: dict[str, Any], /, *, issued_at_s: int) -> Rendered:
        """The PDF of a slip. The instant goes into the file, so that the same content gives the same bytes."""
        # most slips are of one page; only where that turns out wrong are the pages counted
        pdf = self._compiled(content, timestamp=issued_at_s, pages="1")
        if (pages := _pages(pdf)) > 1:
            pdf = self._compiled(content, timestamp=issued_at_s, pages="none")
        return Rendered(pdf=pdf, pages=pages)

    def _compiled(self, content: dict[str, Any], *, timestamp: int, pages: str) -> bytes:
        # A main file of its own for each slip, not `sys_inputs`: those are part of the standard library, which is built
        # anew for them, at the cost of a millisecond.
        slip = _typst_string(json.dumps([content, one_line(content)], ensure_ascii=False))
        qr = _typst_string(qr_svg(content["verification_url"]))
        main = f'#import "{self._template}": document-of\n#document-of(..json(bytes({slip})), {qr}, pages: {pages})'
        pdf = self._compiler.compile(input=main.encode(), format="pdf", timestamp=timestamp)
        if not isinstance(pdf, bytes):  # the compiler gives pages of an image format as a list
            raise TypeError(f"Typst gave {type(pdf).__name__} instead of the bytes of a PDF")
        return pdf


def qr_svg(text: str) -> str:
    """A QR code as SVG, of error correction level M: 15 % of it may be lost to a fold or a stamp."""
    rows = segno.make_qr(text, error="m", boost_error=False, mask=_MASK).matrix
    # drawn here, in half the time of the library's own drawing
    runs = ((y, run.start(), run.end()) for y, row in enumerate(rows) for run in _DARK.finditer(row))
    path = "".join(f"M{start} {y}h{end - start}v1H{start}z" for y, start, end in runs)
    size = len(rows)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


def _typst_string(text: str) -> str:
    """A literal of the template's language. Only these two characters end or change a string there."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pages(pdf: bytes) -> int:
    found = _PAGES.search(pdf)
    if found is None:
        raise ValueError("the PDF has no page tree that can be read; the writer of the PDF has changed")
    return int(found.group(1))
