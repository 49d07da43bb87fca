"""Whether a template package can draw every report: each sample answer, its own and the shipped ones, is drawn once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import typst

from schemas.errors import PermanentError
from schemas.events import Resulted
from streams.reporting.content import SlipTerms, slip
from streams.reporting.faults import Fault, TemplateError
from streams.reporting.package import SHIPPED, Package, read_package
from streams.reporting.render import TypstRenderer
from streams.reporting.sample import read_answer

_TERMS: Final = ("CZBK00000000", "房屋自动估值服务", "https://valuation.example/verify")
_PLACE: Final = re.compile(r"(?:┌─|-->)\s*(\S+?):(\d+):\d+")


def checked_package(folder: Path, fonts: Path) -> tuple[Package, TypstRenderer]:
    """A package every sample of which can be drawn, and the renderer that did, its fonts loaded.

    Raises `TemplateError` with file and line of everything that is wrong.
    """
    package = read_package(folder)
    renderer = TypstRenderer(fonts, package)
    cases, faults = samples(package)
    faults += _together(fault for name, answer in cases.items() for fault in _drawn(renderer, package, name, answer))
    if faults:
        raise TemplateError(str(folder), faults)
    return package, renderer


def terms_of(package: Package) -> SlipTerms:
    """The words of a package with an issuer that does not exist, for previews and checks."""
    contract, issuer, url = _TERMS
    return SlipTerms(contract_ref=contract, issuer=issuer, verification_url=url, texts=package.texts)


def samples(package: Package) -> tuple[Mapping[str, Resulted], list[Fault]]:
    """The sample answers by name, the package's own before the shipped ones, and those that cannot be read."""
    faults: list[Fault] = []
    answers: dict[str, Resulted] = {}
    shipped = {path.stem: path for path in sorted((SHIPPED / "samples").glob("*.json"))}
    for name, path in {**shipped, **package.samples}.items():
        try:
            answers[name] = read_answer(path)
        except (PermanentError, OSError) as error:
            faults.append(Fault(file=f"samples/{path.name}", line=None, message=str(error)))
    return answers, faults


def _together(found: Iterable[tuple[Fault, str]]) -> Iterator[Fault]:
    """Each fault once, with the samples that meet it."""
    cases: dict[Fault, list[str]] = {}
    for fault, case in found:
        cases.setdefault(fault, []).append(case)
    for fault, names in cases.items():
        yield replace(fault, message=f"{fault.message} (samples: {', '.join(names)})")


def _drawn(renderer: TypstRenderer, package: Package, name: str, answer: Resulted) -> Iterator[tuple[Fault, str]]:
    try:
        content = slip(answer, terms_of(package)).content
        renderer.render(content, issued_at_s=int(answer.resulted_at.timestamp()))
    except typst.TypstError as error:
        yield typst_fault(error, package.folder), name
    except (ValueError, TypeError, LookupError, OSError, RuntimeError) as error:
        yield Fault(file=f"samples/{name}.json", line=None, message=str(error)), name


def typst_fault(error: typst.TypstError, folder: Path) -> Fault:
    """What Typst says, with the first place inside the package; the main file, which calls `page-of`, is ours."""
    hints = "".join(f"; {hint}" for hint in error.hints)
    _, _, told = error.diagnostic.rpartition("error: ")  # warnings stand before it
    for place in _PLACE.finditer(told):
        file = (Path.cwd() / place.group(1)).resolve()  # Typst tells it from where the program stands
        if file.is_file() and file.is_relative_to(folder.resolve()):
            name = file.relative_to(folder.resolve()).as_posix()
            return Fault(file=name, line=int(place.group(2)), message=f"{error.message}{hints}")
    return Fault(file="page-of", line=None, message=f"{error.message}{hints}")
