"""A template package as one file: unpacked beside others, each under its digest, so that none overwrites another."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from streams.reporting.faults import Fault, TemplateError

_MOST_FILES: Final = 200  # a package has ten; more is a wrong file
_MOST_BYTES: Final = 50_000_000  # unpacked: pictures of a letter head may be large, a bomb is larger


def folder_of(path: Path, keep: Path) -> Path:
    """The folder of a package that is given as a folder or as a zip file, which is unpacked below `keep`.

    Raises `TemplateError` when there is nothing of that kind.
    """
    if path.is_dir():
        return path
    if not path.is_file() or not zipfile.is_zipfile(path):
        message = "neither a folder nor a zip file; give the package itself"
        raise TemplateError(str(path), [Fault(file=path.name, line=None, message=message)])
    target = keep / hashlib.sha256(path.read_bytes()).hexdigest()
    if not target.is_dir():
        keep.mkdir(parents=True, exist_ok=True)
        _unpack(path, target, keep)
    return _root(target)


def _unpack(path: Path, target: Path, keep: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        files = archive.infolist()
        if len(files) > _MOST_FILES or sum(file.file_size for file in files) > _MOST_BYTES:
            message = f"more than {_MOST_FILES} files or {_MOST_BYTES:,} bytes; a package has about ten files"
            raise TemplateError(str(path), [Fault(file=path.name, line=None, message=message)])
        half = Path(mkdtemp(dir=keep))
        archive.extractall(half)  # takes `..` and absolute names as names inside
    try:
        half.replace(target)
    except OSError:  # another worker was first, with the same bytes
        shutil.rmtree(half)


def _root(folder: Path) -> Path:
    """A zip of a folder has the folder in it; one of its contents has not."""
    inside = [path for path in folder.iterdir() if path.is_dir()]
    return inside[0] if not (folder / "template.toml").is_file() and len(inside) == 1 else folder
