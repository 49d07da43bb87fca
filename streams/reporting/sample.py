"""Sample answers of a template package, for previews and checks. Those shipped are made up and mostly say so."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from schemas.errors import PermanentError
from schemas.events import Resulted
from streams.reporting.package import SHIPPED

GATEWAY_URL: Final = "https://valuation.example"
_EVENT: Final = TypeAdapter(Resulted)


class SampleError(PermanentError):
    """A file is no `Resulted` event as JSON; says which fields are wrong."""

    def __init__(self, path: Path, faults: str) -> None:
        super().__init__(f"{path} is no Resulted event:\n  {faults}")


def read_answer(path: Path) -> Resulted:
    """An answer from its JSON. Raises `SampleError`, or `OSError` when the file cannot be read."""
    try:
        return _EVENT.validate_json(path.read_bytes())
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SampleError(path, "\n  ".join(faults)) from None


def shipped(case: str) -> Resulted:
    """A case of the shipped package by its name, e.g. `commercial`."""
    return read_answer(SHIPPED / "samples" / f"{case}.json")


def automatic() -> Resulted:
    """A flat valued by the model."""
    return shipped("automatic")


def manual() -> Resulted:
    """The same flat valued by a reviewer and approved by a second one."""
    return shipped("manual")
