"""The set of guidelines as data: which belong to a version, which concern a case, and the first set. Pure."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final

from consumers.review_desk.people.staff import Family, families_of
from consumers.review_desk.task import Kind, Task
from schemas.domain.worktime import SHANGHAI

FIRST_SET: Final = Path(__file__).with_name("guideline_texts.toml")
RELEASE: Final = "release"  # who published what came with the programs
LONGEST_TITLE: Final = 60
LONGEST_TEXT: Final = 20_000
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,39}\Z")
_VERSION: Final = re.compile(r"(?P<year>\d{4})-(?P<number>\d{2,})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    """One guideline in one version of the set. `text` is Markdown. Empty `cities`, `skills`, `families`: any.

    `number` orders versions. `withdrawn`: from this version on it no longer belongs to the set.
    """

    guideline_id: str
    version: str
    number: int
    title: str
    text: str
    cities: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    in_force_at: datetime
    published_at: datetime
    published_by: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineDraft:
    """A guideline about to be published. A known `guideline_id` gets a new version, a new one is added."""

    guideline_id: str
    title: str
    text: str
    cities: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    withdrawn: bool = False


class GuidelineError(Exception):
    """A guideline or bulletin cannot be published as it is. `field` names what, `why` says in Chinese what to do."""

    def __init__(self, field: str, why: str) -> None:
        self.field, self.why = field, why
        super().__init__(f"{field}: {why}")


def check(draft: GuidelineDraft) -> None:
    """Refuse what nobody could use. Raises `GuidelineError`."""
    if not _ID.match(draft.guideline_id):
        raise GuidelineError("guideline_id", "编号须为2至40位小写字母、数字或连字符，例如 thin-market")
    check_words(draft.title, draft.text)
    unknown = [family for family in draft.families if family not in Family.__members__]
    if unknown:
        raise GuidelineError("families", f"未知的原因类别：{'、'.join(unknown)}")


def check_words(title: str, text: str) -> None:
    """Refuse an empty or endless title or text. Raises `GuidelineError`."""
    for field, name, value, longest in (("title", "标题", title, LONGEST_TITLE), ("text", "正文", text, LONGEST_TEXT)):
        if not 0 < len(value.strip()) <= longest:
            raise GuidelineError(field, f"{name}须为1至{longest}个字")


def in_force(guidelines: Iterable[Guideline], now: datetime) -> tuple[Guideline, ...]:
    """The set at an instant: the latest of each that is in force by then, without those withdrawn. By title."""
    latest: dict[str, Guideline] = {}
    for one in sorted(guidelines, key=lambda one: one.number):
        if one.in_force_at <= now:
            latest[one.guideline_id] = one
    return tuple(sorted((one for one in latest.values() if not one.withdrawn), key=lambda one: one.title))


def as_of(guidelines: Iterable[Guideline], version: str) -> tuple[Guideline, ...]:
    """The set as a decision under this version had it; empty for a version there never was."""
    every = list(guidelines)
    number = next((one.number for one in every if one.version == version), None)
    if number is None:
        return ()
    upto = [one for one in every if one.number <= number]
    return in_force(upto, max(one.in_force_at for one in upto))


def for_task(guidelines: Iterable[Guideline], task: Task) -> tuple[Guideline, ...]:
    """Those that concern a task, the most particular first."""
    families = families_of(task.reasons) | ({Family.DISPUTE} if task.kind is Kind.DISPUTE else set())
    found = [one for one in guidelines if _concerns(one, task, families)]
    return tuple(sorted(found, key=lambda one: (-_particular(one), one.title)))


def _concerns(one: Guideline, task: Task, families: Iterable[Family]) -> bool:
    return (
        (not one.cities or task.city in one.cities)
        and (not one.skills or task.skill in one.skills)
        and (not one.families or not set(one.families).isdisjoint(families))
    )


def _particular(one: Guideline) -> int:
    return 4 * bool(one.families) + 2 * bool(one.cities) + bool(one.skills)


def next_version(latest: str, now: datetime) -> str:
    """The version after the latest: `2026-01`, `2026-02` and on, counted within a year in Shanghai."""
    year = now.astimezone(SHANGHAI).year
    parts = _VERSION.match(latest)
    if parts is None or int(parts["year"]) < year:
        return f"{year}-01"
    return f"{parts['year']}-{int(parts['number']) + 1:02d}"


def first_set(path: Path = FIRST_SET) -> tuple[Guideline, ...]:
    """The guidelines that the desk begins with."""
    told: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    at = datetime.combine(told["in_force_on"], time(), SHANGHAI).astimezone(UTC)
    return tuple(
        Guideline(
            guideline_id=one["id"],
            version=told["version"],
            number=1,
            title=one["title"],
            text=one["text"].strip(),
            skills=tuple(one.get("skills", ())),
            families=tuple(one.get("families", ())),
            in_force_at=at,
            published_at=at,
            published_by=RELEASE,
        )
        for one in told["guideline"]
    )
