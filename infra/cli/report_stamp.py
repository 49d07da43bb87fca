"""The copy of a revoked report that is handed out: 已作废 across it, with reason and successor."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from infra.cli.report_template import package_in_force
from infra.settings import Settings
from schemas.errors import PermanentError
from schemas.events import ReportRevoked

if TYPE_CHECKING:
    from streams.reporting.package import Package
    from streams.reporting.render import TypstRenderer


class UnstampedError(PermanentError):
    """The template in force cannot draw a report again."""


def report_stamp(settings: Settings) -> Callable[[bytes, ReportRevoked], bytes]:
    """Draws the copy from the content attached to the original, with the template in force; for several threads.

    The template is read at the first one, since most processes never meet a revoked report. The copy raises
    `PermanentError` for a report that attached nothing, or whose content the template in force cannot draw.
    """
    drawing = Lock()
    loaded: list[tuple[Package, TypstRenderer]] = []

    def stamp(pdf: bytes, revocation: ReportRevoked) -> bytes:
        import typst

        from streams.reporting.attachment import attached_content
        from streams.reporting.notices import revoked

        content = attached_content(pdf)
        with drawing:  # one compiler draws one page at a time
            if not loaded:
                loaded.append(package_in_force(settings))
            package, renderer = loaded[0]
            stamped = revoked(content, revocation, package.texts)
            try:
                return renderer.render(stamped, issued_at_s=int(revocation.revoked_at.timestamp())).pdf
            except (typst.TypstError, LookupError) as error:
                raise UnstampedError(f"the template in force cannot draw the report again: {error}") from None

    return stamp
