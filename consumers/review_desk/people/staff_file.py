"""Staff as a CSV file, read whole or not at all: each wrong line is told with its number and column."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from consumers.review_desk.people.staff import Family, Grade, Person, Role
from consumers.review_desk.regions import Region

_SEPARATOR: Final = ";"  # inside a cell: REVIEWER;SENIOR
_LEVELS: Final = range(1, 6)
_SIGNING_NO: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{1,19}")
_CLASSES: Final = ("RESIDENTIAL", "VILLA", "COMMERCIAL", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong in a file: `line` as an editor counts, from 1; `column` is empty where the whole line is meant."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        """`第 3 行 grade：…`."""
        return f"第 {self.line} 行{f' {self.column}' if self.column else ''}：{self.message}"


class StaffFileError(Exception):
    """A file of staff is refused whole. `faults` name every line and column."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def read_staff(text: str) -> tuple[Person, ...]:
    """Return the people of a CSV file whose first line names the columns.

    Columns are the fields of `Person`; username, name, grade, roles, employer, site and hired_on are needed. Days are
    2026-03-31; several roles, regions or conflicts stand with `;` between them; skills are `ADDRESS=3;…`.

    Raises:
        StaffFileError: Anything is wrong; nobody is returned.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    faults: list[Fault] = []
    people: dict[str, Person] = {}
    try:
        columns = [name.strip() for name in next(rows, [])]
        faults += _faults_of_columns(columns)
        for row in rows if not faults else ():
            if any(cell.strip() for cell in row):
                _read_line(rows.line_num, columns, row, people, faults)
    except csv.Error as error:
        faults.append(Fault(line=rows.line_num, column="", message=f"不是有效的 CSV：{error}"))
    if not people and not faults:
        faults.append(Fault(line=1, column="", message="文件中没有人员"))
    if faults:
        raise StaffFileError(faults)
    return tuple(people.values())


def read_cells(cells: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields of a `Person` that texts stand for, and by field what is wrong with the others."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for column, cell in cells.items():
        try:
            values[column] = _READERS[column](cell.strip())
        except ValueError as error:
            problems[column] = str(error)
    return values, problems


def cells_of(person: Person) -> dict[str, str]:
    """Return somebody as the texts that `read_cells` reads."""
    return {
        "username": person.username,
        "name": person.name,
        "grade": str(person.grade),
        "roles": _SEPARATOR.join(sorted(person.roles)),
        "regions": _SEPARATOR.join(sorted(person.regions)),
        "main_queue": person.main_queue,
        "skills": _SEPARATOR.join(f"{skill}={level}" for skill, level in sorted(person.skills.items())),
        "employer": person.employer,
        "site": person.site,
        "hired_on": person.hired_on.isoformat(),
        "certified_until": "" if person.certified_until is None else person.certified_until.isoformat(),
        "conflicts": _SEPARATOR.join(sorted(person.conflicts)),
        "signing_no": person.signing_no,
        "is_active": str(person.is_active).lower(),
    }


def _faults_of_columns(columns: list[str]) -> list[Fault]:
    unknown = [Fault(line=1, column=name, message="没有这一列") for name in columns if name not in _READERS]
    missing = [Fault(line=1, column=name, message="缺少这一列") for name in _NEEDED if name not in columns]
    doubled = {name for name in columns if columns.count(name) > 1}
    return unknown + missing + [Fault(line=1, column=name, message="这一列重复") for name in sorted(doubled)]


def _read_line(line: int, columns: list[str], row: list[str], people: dict[str, Person], faults: list[Fault]) -> None:
    if len(row) != len(columns):
        faults.append(Fault(line=line, column="", message=f"应有 {len(columns)} 列，实有 {len(row)} 列"))
        return
    values, problems = read_cells(dict(zip(columns, row, strict=True)))
    faults += [Fault(line=line, column=column, message=message) for column, message in problems.items()]
    if problems:
        return
    if values["username"] in people:
        faults.append(Fault(line=line, column="username", message=f"用户名 {values['username']} 重复"))
        return
    people[values["username"]] = Person(**values)


def _text(cell: str) -> str:
    if not cell:
        raise ValueError("不能为空")
    return cell


def _one_of(choices: Iterable[str]) -> Callable[[str], str]:
    known = tuple(choices)

    def read(cell: str) -> str:
        if cell not in known:
            raise ValueError(f"“{cell}”不在 {'、'.join(filter(None, known))} 之中")
        return cell

    return read


def _grade(cell: str) -> Grade:
    return Grade(_one_of(Grade)(cell))


def _roles(cell: str) -> frozenset[Role]:
    return frozenset(Role(_one_of(Role)(part)) for part in _parts(cell))


def _regions(cell: str) -> frozenset[Region]:
    return frozenset(Region(_one_of(Region)(part)) for part in _parts(cell)) or frozenset(Region)


def _queue(cell: str) -> str:
    if cell:
        region, _, property_class = cell.partition("/")
        _one_of(Region)(region)
        _one_of(_CLASSES)(property_class)
    return cell


def _skills(cell: str) -> Mapping[str, int]:
    found = {}
    for part in _parts(cell):
        skill, _, level = part.partition("=")
        if skill not in tuple(Family):
            _queue(_text(skill))
        if not level.isdecimal() or int(level) not in _LEVELS:
            raise ValueError(f"“{part}”应写作 技能=1 至 技能=5")
        found[skill] = int(level)
    return MappingProxyType(found)


def _day(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"“{cell}”不是日期，应写作 2026-03-31") from None


def _day_or_none(cell: str) -> date | None:
    return _day(cell) if cell else None


def _yes_or_no(cell: str) -> bool:
    return _one_of(("true", "false"))(cell.lower()) == "true"


def _signing_no(cell: str) -> str:
    if cell and not _SIGNING_NO.fullmatch(cell):
        raise ValueError(f"“{cell}”不是签字编号，应为 2 至 20 位大写字母、数字或短横，如 QZ-00017，不得写姓名")
    return cell


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(_SEPARATOR) if part.strip()]


_READERS: Final[Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "username": _text,
        "name": _text,
        "grade": _grade,
        "roles": _roles,
        "regions": _regions,
        "main_queue": _queue,
        "skills": _skills,
        "employer": _text,
        "site": _text,
        "hired_on": _day,
        "certified_until": _day_or_none,
        "conflicts": lambda cell: frozenset(_parts(cell)),
        "is_active": _yes_or_no,
        "signing_no": _signing_no,
    }
)
_NEEDED: Final = ("username", "name", "grade", "roles", "employer", "site", "hired_on")
