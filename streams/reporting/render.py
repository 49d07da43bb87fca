"""Draws a report with Typst. One compiler is kept: it holds the parsed fonts and what pages have in common.

The file is PDF/A-3b: made to be kept for years (fonts inside, colours defined, nothing that moves), and with the
content attached as JSON, so that a machine reads the figures instead of the page.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

import segno
import typst

from streams.reporting.lines import one_line
from streams.reporting.package import Package
from streams.reporting.ports import Rendered

ATTACHMENT: Final = "report.json"
_STANDARD: Final = "a-3b"
_MASK: Final = 3  # any can be read; trying all eight for the most even one takes several times as long
_DARK = re.compile(rb"\x01+")
_PAGES = re.compile(rb"/Type\s*/Pages\b.*?/Count\s+(\d+)", re.DOTALL)


class TypstRenderer:
    """`Renderer` by Typst. Not for several threads at once. Raises `typst.TypstError` when the template is at fault."""

    def __init__(self, fonts: Path, package: Package) -> None:
        self._package = package
        self._compiler = typst.Compiler(root=package.folder, font_paths=[fonts], ignore_system_fonts=True)

    @property
    def template_version(self) -> str:
        """Of the package this was made with."""
        return self._package.template_version

    def render(self, content: dict[str, Any], /, *, issued_at_s: int) -> Rendered:
        """The PDF of a report. The instant goes into the file, so that the same content gives the same bytes."""
        # most reports are of one page; only where that turns out wrong are the pages counted
        pdf = self._compiled(content, timestamp=issued_at_s, pages=1)
        if (pages := _pages(pdf)) > 1:
            pdf = self._compiled(content, timestamp=issued_at_s, pages=pages)
        return Rendered(pdf=pdf, pages=pages)

    def images(self, content: dict[str, Any], /, *, ppi: float) -> list[bytes]:
        """The pages as PNG, `ppi` pixels an inch."""
        main = self._main(content, pages=_pages(self._compiled(content, timestamp=0, pages=1)))
        drawn = self._compiler.compile(input=main.encode(), format="png", ppi=ppi)
        return [page for page in (drawn if isinstance(drawn, list) else [drawn]) if page is not None]

    def _compiled(self, content: dict[str, Any], *, timestamp: int, pages: int) -> bytes:
        main = self._main(content, pages=pages)
        pdf = self._compiler.compile(
            input=main.encode(), format="pdf", timestamp=timestamp, pdf_standards=_STANDARD, pdf_tags=False
        )
        if not isinstance(pdf, bytes):  # the compiler gives pages of an image format as a list
            raise TypeError(f"Typst gave {type(pdf).__name__} instead of the bytes of a PDF")
        return pdf

    def _main(self, content: dict[str, Any], *, pages: int) -> str:
        # A main file of its own for each report, not `sys_inputs`: those are part of the standard library, which is
        # built anew for them, at the cost of a millisecond.
        file = self._package.document(content["kind"], content["fields"])
        told = _typst_string(json.dumps(content, ensure_ascii=False))
        layout = _typst_string(json.dumps({"one_line": one_line(content), "pages": pages}))
        qr = _typst_string(qr_svg(content["verification_url"]))
        title = _typst_string(f"{content['title']} {content['report_no']}")
        author = _typst_string(content["issuer"])
        return (
            f'#import "{file}": page-of\n'
            f"#set document(title: {title}, author: {author})\n"
            '#set text(lang: "zh", region: "cn")\n'
            f"#let told = bytes({told})\n"
            f"#page-of(json(told), {qr}, json(bytes({layout}))) "
            f'#pdf.attach("{ATTACHMENT}", told, relationship: "data", mime-type: "application/json", '
            f"description: {title})"
        )


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
