"""Which template package draws the reports: the one the settings name, or the last that was good."""

import logging
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from infra.settings import Settings

if TYPE_CHECKING:
    from streams.reporting.package import Package
    from streams.reporting.render import TypstRenderer

log = logging.getLogger(__name__)


def package_in_force(settings: Settings) -> tuple["Package", "TypstRenderer"]:
    """The package, checked, and its renderer with the fonts loaded, so that no customer waits for them.

    One that cannot be used is told in the log with file and line, and the last good one goes on; so a restart with a
    broken package stops no report. A good one is copied to `<state>/report-templates`, where nobody edits it.
    """
    from streams.reporting.check import checked_package
    from streams.reporting.faults import TemplateError
    from streams.reporting.fonts import font_folder
    from streams.reporting.package import SHIPPED

    fonts, keep = font_folder(), settings.state / "report-templates"
    if settings.report_template is None:
        return checked_package(SHIPPED, fonts)
    try:
        package, renderer = checked_package(folder_in_use(settings.report_template, keep), fonts)
    except TemplateError as error:
        log.critical("the report template is refused, the last good one stays", extra={"error": str(error)})
        return _instead(keep, fonts)
    try:
        _remember(package, keep)
    except OSError as error:  # it draws all the same; only a later broken one would not find it
        log.warning("the report template is not kept as the last good one", extra={"error": str(error)})
    return package, renderer


def folder_in_use(template: Path, keep: Path) -> Path:
    """The folder of a package given as a folder or zip file. Raises `TemplateError`."""
    from streams.reporting.archive import folder_of

    return folder_of(template, keep / "unpacked")


def _instead(keep: Path, fonts: Path) -> tuple["Package", "TypstRenderer"]:
    """The last good package; the shipped one where there was none, or this release asks for more than it has."""
    from streams.reporting.check import checked_package
    from streams.reporting.faults import TemplateError
    from streams.reporting.package import SHIPPED

    kept = _last_good(keep)
    if kept is not None:
        try:
            return checked_package(kept, fonts)
        except TemplateError as error:
            log.critical("the last good report template is refused, too", extra={"error": str(error)})
    return checked_package(SHIPPED, fonts)


def _remember(package: "Package", keep: Path) -> None:
    """Keep a copy. Two workers that start at once both may: each makes its own, and whose comes second gives way."""
    copy = keep / package.sha256
    keep.mkdir(parents=True, exist_ok=True)
    half = Path(mkdtemp(dir=keep))
    try:
        if not copy.is_dir():
            shutil.copytree(package.folder, half / "package")
            _take_place(half / "package", copy)
        (half / "last-good").write_text(package.sha256, encoding="utf-8")
        (half / "last-good").replace(keep / "last-good")
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _take_place(half: Path, copy: Path) -> None:
    try:
        half.rename(copy)
    except OSError:
        if not copy.is_dir():
            raise


def _last_good(keep: Path) -> Path | None:
    """The copy of the last good package; `None` where there was none yet."""
    told = keep / "last-good"
    copy = keep / told.read_text(encoding="utf-8").strip() if told.is_file() else None
    return copy if copy is not None and copy.is_dir() else None
