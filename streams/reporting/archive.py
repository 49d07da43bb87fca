"""A template package as one file: unpacked beside others, each under its digest, so that none overwrites another."""

import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Final

from streams.reporting.faults import UNREADABLE, Fault, TemplateError

_MOST_FILES: Final = 200  # a package has ten; more is a wrong file
_MOST_BYTES: Final = 50_000_000  # packed and unpacked: pictures of a letter head may be large, a bomb is larger
# damaged, encrypted (RuntimeError), packed in a way we cannot undo (NotImplementedError), names that are none
_NOT_UNPACKED: Final = (*UNREADABLE, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


def folder_of(path: Path, keep: Path) -> Path:
    """The folder of a package that is given as a folder or as a zip file, which is unpacked below `keep`.

    Raises `TemplateError` when there is nothing of that kind; nothing is left behind then.
    """
    if path.is_dir():
        return path
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise _refused(path, "neither a folder nor a zip file; give the package itself")
    if path.stat().st_size > _MOST_BYTES:
        raise _refused(path, _too_large())
    try:
        target = keep / hashlib.sha256(path.read_bytes()).hexdigest()
        if not target.is_dir():
            keep.mkdir(parents=True, exist_ok=True)
            _unpack(path, target, keep)
        return _root(target)
    except _NOT_UNPACKED as error:
        raise _refused(path, f"the zip file cannot be unpacked: {error}; pack it anew, without a password") from None


def _unpack(path: Path, target: Path, keep: Path) -> None:
    half = Path(mkdtemp(dir=keep))
    try:
        with zipfile.ZipFile(path) as archive:
            files = [file for file in archive.infolist() if not _is_of_a_desktop(file.filename)]
            # no more is ever unpacked of a file than it says here
            if len(files) > _MOST_FILES or sum(file.file_size for file in files) > _MOST_BYTES:
                raise _refused(path, _too_large())
            archive.extractall(half, files)  # takes `..` and absolute names as names inside
        _take_place(half, target)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _take_place(half: Path, target: Path) -> None:
    try:
        half.replace(target)
    except OSError:
        if not target.is_dir():  # else another worker was first, with the same bytes
            raise


def _root(folder: Path) -> Path:
    """A zip of a folder has the folder in it; one of its contents has not."""
    inside = [path for path in folder.iterdir() if path.is_dir()]
    return inside[0] if not (folder / "template.toml").is_file() and len(inside) == 1 else folder


def _is_of_a_desktop(name: str) -> bool:
    """What file managers put beside the files: `__MACOSX/…`, `.DS_Store`, `._page.typ`."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name == ".DS_Store" or path.name.startswith("._")


def _too_large() -> str:
    return f"more than {_MOST_FILES} files or {_MOST_BYTES:,} bytes; a package has about ten files"


def _refused(path: Path, message: str) -> TemplateError:
    return TemplateError(str(path), [Fault(file=path.name, line=None, message=message)])
