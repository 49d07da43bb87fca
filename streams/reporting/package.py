"""A template package: a folder with `template.toml`, Typst files, the words and sample answers.

    template.toml   name, version, texts, samples, and a [[document]] for each kind of page
    *.typ           each named document offers `page-of(content, qr, layout)`
    texts.toml      every word (texts.py says which)
    samples/*.json  answers (`Resulted`) that the package is checked and previewed with

What a page looks like follows from the package alone, so its digest goes into the version of every report.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.codes import LoanStage, Product, ServiceType
from schemas.domain.channels import find
from streams.reporting.faults import UNREADABLE, Fault, TemplateError, line_of, read_utf8, toml_fault
from streams.reporting.texts import Texts, read_texts

SHIPPED: Final = Path(__file__).with_name("templates") / "slip"
KINDS: Final = ("SLIP", "NOTE")
_MANIFEST: Final = "template.toml"
_NEEDED: Final = ("name", "version", "texts", "samples", "document")
_SELECTORS: Final[Mapping[str, str]] = {
    "products": "product",
    "stages": "loan_stage",
    "services": "service_type",
    "channels": "channel",
}
_DIGEST_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One page's Typst file and the answers it is for: selector (`product`, `channel` …) → codes; none fits all."""

    kind: str
    file: str
    fits: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that was read without a fault. `sha256` is over all of its files but the samples."""

    name: str
    version: str
    sha256: str
    folder: Path
    documents: tuple[Document, ...]
    texts: Texts
    samples: Mapping[str, Path]

    @property
    def template_version(self) -> str:
        """`slip-2026.12+1f3a9c04d5e6`: what every report names as its template."""
        return f"{self.name}-{self.version}+{self.sha256[:_DIGEST_CHARACTERS]}"

    def document(self, kind: str, codes: Mapping[str, str | None]) -> str:
        """The Typst file for a kind of page and an answer's codes: the first that fits."""
        fitting = (
            document.file
            for document in self.documents
            if document.kind == kind and all(codes.get(name) in wanted for name, wanted in document.fits.items())
        )
        return next(fitting)


def read_package(folder: Path) -> Package:
    """Read a package. Nothing is drawn yet. Raises `TemplateError` with everything that is wrong."""
    manifest = folder / _MANIFEST
    if not manifest.is_file():
        raise TemplateError(str(folder), [Fault(file=_MANIFEST, line=None, message="the file is missing")])
    text = read_utf8(folder, _MANIFEST)
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(str(folder), [toml_fault(_MANIFEST, error)]) from None
    faults = [*_manifest_faults(folder, text, told)]
    if faults:
        raise TemplateError(str(folder), faults)
    texts, faults = read_texts(told["texts"], read_utf8(folder, told["texts"]))
    if texts is None:
        raise TemplateError(str(folder), faults)
    samples = folder / told["samples"]
    return Package(
        name=told["name"],
        version=told["version"],
        sha256=_digest(folder, samples),
        folder=folder,
        documents=tuple(_document(row) for row in told["document"]),
        texts=texts,
        samples={path.stem: path for path in sorted(samples.glob("*.json"))},
    )


def _document(row: Mapping[str, Any]) -> Document:
    fits = {_SELECTORS[name]: frozenset(row[name]) for name in _SELECTORS if name in row}
    return Document(kind=row["kind"], file=row["file"], fits=fits)


def _manifest_faults(folder: Path, text: str, told: Mapping[str, Any]) -> Iterator[Fault]:
    for key in (name for name in _NEEDED if name not in told):
        yield Fault(file=_MANIFEST, line=None, message=f"{key} is missing")
    for key in (name for name in told if name not in _NEEDED):
        yield _at(text, key, f"unknown field {key}; known are {', '.join(_NEEDED)}")
    for key in ("name", "version"):
        if key in told and (not isinstance(told[key], str) or not told[key].strip()):
            yield _at(text, key, f"{key} has to be a text that is not empty")
    for key, is_there in (("texts", Path.is_file), ("samples", Path.is_dir)):
        if key in told and not (
            isinstance(told[key], str) and _inside(folder, told[key]) and is_there(folder / told[key])
        ):
            yield _at(text, key, f"{key} = {told[key]!r} is not in the package")
    yield from _placement_faults(folder, text, told)
    yield from _documents_faults(folder, text, told)


def _placement_faults(folder: Path, text: str, told: Mapping[str, Any]) -> Iterator[Fault]:
    """What draws a report may not lie among the samples: the version would not tell that it was changed."""
    if _among_samples(folder, told, _MANIFEST):
        yield _at(text, "samples", f"samples = {told['samples']!r} is the package itself; give its samples a folder")
    elif _among_samples(folder, told, told.get("texts")):
        yield _at(text, "texts", f"texts = {told['texts']!r} lies among the samples, which are no part of the version")


def _documents_faults(folder: Path, text: str, told: Mapping[str, Any]) -> Iterator[Fault]:
    rows = told.get("document", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield _at(text, "document", "write each document as a table [[document]]")
        return
    for number, row in enumerate(rows, start=1):
        yield from (_at_document(text, number, message) for message in _document_faults(folder, row))
        if _among_samples(folder, told, row.get("file")):
            yield _at_document(text, number, f"file = {row['file']!r} lies among the samples")
    everything = [row.get("kind") for row in rows if not set(row) & set(_SELECTORS)]
    for kind in (kind for kind in KINDS if kind not in everything):
        message = f"a [[document]] of kind {kind} without selectors is missing; it draws what no other one fits"
        yield Fault(file=_MANIFEST, line=None, message=message)


def _document_faults(folder: Path, row: Mapping[str, Any]) -> Iterator[str]:
    for key in (key for key in ("kind", "file") if key not in row):
        yield f"{key} is missing"
    for key in (key for key in row if key not in {"kind", "file", *_SELECTORS}):
        yield f"unknown field {key}; known are kind, file, {', '.join(_SELECTORS)}"
    if row.get("kind", KINDS[0]) not in KINDS:
        yield f"kind = {row['kind']!r} has to be one of {', '.join(KINDS)}"
    if "file" in row and not (
        isinstance(row["file"], str) and _inside(folder, row["file"]) and (folder / row["file"]).is_file()
    ):
        yield f"file = {row['file']!r} is not in the package"
    known = {"products": tuple(Product), "stages": tuple(LoanStage), "services": tuple(ServiceType)}
    for key in (key for key in _SELECTORS if key in row):
        codes = row[key]
        if not isinstance(codes, list) or not codes:
            yield f"{key} has to be a list of codes; leave it out to fit every answer"
            continue
        for code in codes:
            if find(str(code)) is None if key == "channels" else code not in known[key]:
                yield f"{key}: {code!r} is not a known code"


def _inside(folder: Path, name: str) -> bool:
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except UNREADABLE:  # a name that can be none
        return False


def _among_samples(folder: Path, told: Mapping[str, Any], name: object) -> bool:
    """Whether a file would be left out of the version, as samples are."""
    samples = told.get("samples")
    if not isinstance(samples, str) or not isinstance(name, str) or not _inside(folder, name):
        return False
    return _inside(folder, samples) and (folder / name).resolve().is_relative_to((folder / samples).resolve())


def _at(text: str, key: str, message: str) -> Fault:
    return Fault(file=_MANIFEST, line=line_of(text, None, key), message=message)


def _at_document(text: str, number: int, message: str) -> Fault:
    lines = [place for place, line in enumerate(text.splitlines(), start=1) if line.strip() == "[[document]]"]
    line = lines[number - 1] if number <= len(lines) else None
    return Fault(file=_MANIFEST, line=line, message=f"document {number}: {message}")


def _digest(folder: Path, samples: Path) -> str:
    """Sha256 of names and contents, in the order of names."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and samples not in path.parents):
        name = path.relative_to(folder).as_posix()
        try:
            content = path.read_bytes()
        except OSError as error:
            fault = Fault(file=name, line=None, message=f"cannot be read: {error}")
            raise TemplateError(str(folder), [fault]) from None
        whole.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
