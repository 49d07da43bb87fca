"""How every artefact is packed: one zip of named members, the same bytes for the same content, no code."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import PermanentError

MANIFEST: Final = "manifest.json"
_EPOCH_OF_ZIP: Final = (1980, 1, 1, 0, 0, 0)  # the zip format's own beginning: no clock in the bytes


class UnusableArtefactError(PermanentError):
    """The artefact is damaged, or not what this release expects; the message says what to do."""


def packed(members: Mapping[str, bytes]) -> bytes:
    """The artefact with these members, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH_OF_ZIP), content)
    return buffer.getvalue()


@contextmanager
def unpacked(artefact: bytes) -> Iterator[dict[str, bytes]]:
    """The members of an artefact, to be read inside the block.

    Raises:
        UnusableArtefactError: It is no artefact, or what the block looks for is not there or cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(artefact)) as archive:
            yield {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise UnusableArtefactError(f"the artefact cannot be read: {error!r}; train it again") from error


def expect(what: str, found: object, wanted: object) -> None:
    """Raise `UnusableArtefactError` when the artefact has another `what` than this release needs."""
    if found != wanted:
        raise UnusableArtefactError(f"the artefact has {what} {found}, this release needs {wanted}; train it again")


def manifest_of(artefact: bytes) -> dict[str, Any]:
    """The manifest inside an artefact, without loading the rest."""
    with unpacked(artefact) as members:
        manifest: dict[str, Any] = json.loads(members[MANIFEST])
    return manifest


def as_json(value: object) -> bytes:
    """A member in JSON: sorted, one spelling."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode()


def as_npy(array: NDArray[Any]) -> bytes:
    """A member that is one array; never a pickle."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(content: bytes) -> NDArray[Any]:
    """The array of such a member."""
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
