"""The templates of notices: versioned words that two people approved. What is not approved is not sent.

An approval is of the very words: it names the sha256 of title and text, so that a changed text stands unapproved.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from consumers.notifier.causes import Cause
from schemas.codes import Audience, NoticeTrigger

APPROVALS_NEEDED: Final = 2
FACTS: Final = frozenset(
    {
        "status", "reason", "due", "valid_until", "number", "report_no", "replaced_by", "rows", "answered", "refused",
        "change", "since", "from", "to", "what",
    }
)  # fmt: skip
_PLACE: Final = re.compile(r"\{(\w*)\}")
_ANY: Final = "*"


class TemplateError(ValueError):
    """A file of templates cannot be used. The message names the template and what to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's yes to the words with this digest."""

    by: str
    on: date
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Words for a trigger, a variant of it (`*`: any) and an audience. `{name}` stands for a fact of the cause."""

    trigger: NoticeTrigger
    variant: str
    audience: Audience
    version: str
    title: str
    text: str
    approvals: tuple[Approval, ...] = ()

    @property
    def name(self) -> str:
        """How it is called in notices and lists."""
        return f"{self.trigger}/{self.variant}/{self.audience}"

    @property
    def digest(self) -> str:
        """Hex sha256 of title and text: what an approval is of."""
        return sha256(f"{self.title}\n{self.text}".encode()).hexdigest()

    @property
    def is_approved(self) -> bool:
        """Whether two different people approved these very words."""
        return len({one.by for one in self.approvals if one.sha256 == self.digest}) >= APPROVALS_NEEDED

    def rendered(self, facts: Mapping[str, str]) -> tuple[str, str]:
        """Title and text with the facts in place; a fact that is not known leaves nothing behind."""
        return _filled(self.title, facts), _filled(self.text, facts)


class Templates:
    """The templates in force."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self.all = tuple(templates)
        self._by_key = {(one.trigger, one.variant, one.audience): one for one in self.all}

    def find(self, cause: Cause) -> Template | None:
        """The template for a cause; the one of its variant before the one for any."""
        for variant in (cause.variant, _ANY):
            found = self._by_key.get((cause.trigger, variant, cause.audience))
            if found is not None:
                return found
        return None


def read(text: str) -> Templates:
    """Read a file of templates.

    Raises:
        TemplateError: It is no TOML, a field is missing or unknown, a fact is not known, or two templates are for one.
    """
    try:
        rows = tomllib.loads(text).get("template", [])
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"the file of templates is no TOML: {error}") from None
    found = [_read(row) for row in rows]
    names = [one.name for one in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise TemplateError(f"more than one template {', '.join(sorted(twice))}; keep one of each")
    return Templates(found)


@cache
def shipped() -> Templates:
    """The templates of this release."""
    return read(files("consumers.notifier").joinpath("templates.toml").read_text(encoding="utf-8"))


_FIELDS: Final = frozenset({"trigger", "variant", "audience", "version", "title", "text", "approved"})


def _read(row: Mapping[str, Any]) -> Template:
    named = f"template {row.get('trigger')}/{row.get('variant', _ANY)}/{row.get('audience')}"
    _require(named, "unknown", row.keys() - _FIELDS)
    _require(named, "missing", _FIELDS - row.keys() - {"variant", "approved"})
    try:
        trigger, audience = NoticeTrigger(row["trigger"]), Audience(row["audience"])
    except ValueError as error:
        raise TemplateError(f"{named}: {error}") from None
    strange = set(_PLACE.findall(row["title"] + row["text"])) - FACTS
    if strange:
        raise TemplateError(f"{named}: {{{min(strange)}}} is no fact; known are {', '.join(sorted(FACTS))}")
    return Template(
        trigger=trigger,
        variant=row.get("variant", _ANY),
        audience=audience,
        version=str(row["version"]),
        title=row["title"],
        text=row["text"],
        approvals=_approvals(row.get("approved", ())),
    )


def _approvals(rows: Sequence[Mapping[str, Any]]) -> tuple[Approval, ...]:
    return tuple(Approval(by=row["by"], on=row["on"], sha256=row["sha256"]) for row in rows)


def _require(named: str, what: str, names: Collection[str]) -> None:
    if names:
        raise TemplateError(f"{named}: {what} {', '.join(sorted(names))}")


def _filled(text: str, facts: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: facts.get(place[1], ""), text)
