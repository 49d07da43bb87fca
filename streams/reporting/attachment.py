"""The content a report was drawn from, out of its PDF: attached to it as JSON by `render.py`."""

import json
import re
import zlib
from typing import Any, Final

from schemas.errors import PermanentError

_HEAD: Final = re.compile(rb"\d+ 0 obj\s*<<[^>]*?/Type\s*/EmbeddedFile.*?stream\r?\n", re.DOTALL)
_LENGTH: Final = re.compile(rb"/Length\s+(\d+)")


class NoContentError(PermanentError):
    """A PDF brings no content; it was issued before reports carried it, or is no report of ours."""

    def __init__(self) -> None:
        super().__init__("the PDF has no content attached; it was issued by an older release")


def attached_content(pdf: bytes) -> dict[str, Any]:
    """The content of a report. Raises `NoContentError`."""
    head = _HEAD.search(pdf)
    length = _LENGTH.search(head.group()) if head else None
    if head is None or length is None:
        raise NoContentError
    stream = pdf[head.end() : head.end() + int(length.group(1))]
    content: dict[str, Any] = json.loads(zlib.decompress(stream) if b"/FlateDecode" in head.group() else stream)
    return content
