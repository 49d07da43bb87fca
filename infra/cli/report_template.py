"""Which template package draws the reports: the one the settings name, or the last that was good."""

import logging
import shutil
from pathlib import Path
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
        return checked_package(_last_good(keep) or SHIPPED, fonts)
    _remember(package, keep)
    return package, renderer


def folder_in_use(template: Path, keep: Path) -> Path:
    """The folder of a package given as a folder or zip file. Raises `TemplateError`."""
    from streams.reporting.archive import folder_of

    return folder_of(template, keep / "unpacked")


def _remember(package: "Package", keep: Path) -> None:
    copy = keep / package.sha256
    if not copy.is_dir():
        half = keep / f"{package.sha256}.part"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(package.folder, half)
        half.rename(copy)
    (keep / "last-good").write_text(package.sha256, encoding="utf-8")


def _last_good(keep: Path) -> Path | None:
    """The copy of the last good package; `None` where there was none yet."""
    told = keep / "last-good"
    copy = keep / told.read_text(encoding="utf-8").strip() if told.is_file() else None
    return copy if copy is not None and copy.is_dir() else None
