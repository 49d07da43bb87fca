"""What reporting needs from outside."""

from dataclasses import dataclass
from typing import Any, Protocol


class Stored(Protocol):
    """An object that lies in the store, as read back from it. `sha256` is in hexadecimal."""

    @property
    def uri(self) -> str:
        """Where it lies."""
        ...

    @property
    def sha256(self) -> str:
        """Digest of what was read back."""
        ...

    @property
    def size_bytes(self) -> int:
        """Size of what was read back."""
        ...


class ReportStore(Protocol):
    """A content-addressed store: the same bytes always have the same `uri`, so a replay rewrites the same object."""

    def put(self, content: bytes, /) -> Stored:
        """Store, read size and digest back, and return them.

        Raises `TransientError` when the store is away or what came back is not what was put.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A finished PDF."""

    pdf: bytes
    pages: int


class Renderer(Protocol):
    """Turns the content of a slip into a PDF: the same content and instant give the same bytes."""

    @property
    def template_version(self) -> str:
        """The version of the template, kept in the event."""
        ...

    def render(self, content: dict[str, Any], /, *, issued_at_s: int) -> Rendered:
        """Render one slip. `issued_at_s` is the PDF's creation time in seconds since the epoch."""
        ...
