"""A batch job: what was sent, what came back, kept so that it can be resumed and completed later."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self

from schemas.codes import Status
from schemas.events import Reported, Resulted

# Nothing more comes for these without somebody acting: the job may end.
_WITH_PEOPLE: Final = frozenset({Status.PENDING_MANUAL, Status.NEEDS_CLARIFICATION})
_UNDER_WAY: Final = frozenset({Status.RECEIVED, Status.PROCESSING})

Offsets = Mapping[tuple[str, int], int]


def job_id(sha256: str) -> str:
    """The job of a file's content: the same file again is the same job."""
    return f"b{sha256[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a job is. `offsets` are where the answers' topics ended before the first request was sent."""

    job_id: str
    channel: str
    input: str
    sha256: str
    columns: dict[str, int]
    rows: int
    refused: int
    duplicates: int
    created_at: str
    offsets: list[tuple[str, int, int]] = field(default_factory=list)

    def positions(self) -> dict[tuple[str, int], int]:
        """Offsets as a follower takes them."""
        return {(topic, partition): offset for topic, partition, offset in self.offsets}

    def starting_at(self, offsets: Offsets) -> Self:
        """The manifest with the place from where its answers are to be read."""
        return replace(self, offsets=[(topic, partition, offset) for (topic, partition), offset in offsets.items()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known of one row. Money in whole yuan."""

    row: int
    valuation_id: str
    status: str = ""
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    confidence_level: int | None = None
    valid_until: str = ""
    reason: str = ""
    report_no: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether the flow has done with it: final, or with people."""
        return bool(self.status) and _is_settled(Status(self.status))

    @property
    def is_complete(self) -> bool:
        """Whether nothing more will come, the report of a value included."""
        return bool(self.status) and Status(self.status).is_final and (self.value is None or bool(self.report_no))


def answered(before: Answer, resulted: Resulted) -> Answer:
    """The row's answer after one more result; a receipt or an interim behind a better answer changes nothing."""
    known = Status(before.status) if before.status else None
    if known is not None and (
        (known.is_final and not resulted.status.is_final)
        or (known in _WITH_PEOPLE and resulted.status in _UNDER_WAY)
        or (known not in _UNDER_WAY and resulted.status is Status.REJECTED_INVALID)
    ):
        return before
    valuation = resulted.valuation
    return replace(
        before,
        status=resulted.status.value,
        value=resulted.value,
        unit_price=resulted.unit_price,
        lower=resulted.lower,
        upper=resulted.upper,
        confidence_level=valuation.confidence_level if valuation is not None and resulted.human is None else None,
        valid_until=resulted.valid_until.isoformat() if resulted.valid_until else "",
        reason="；".join(problem.message for problem in resulted.problems) or resulted.reason_text,
    )


def reported(before: Answer, report: Reported) -> Answer:
    """The row's answer with its report; a later report supersedes."""
    return replace(before, report_no=report.report_no)


@dataclass(slots=True)
class Answers:
    """All answers of a job, in memory and, line by line, in a file: what a killed process knew is known again."""

    path: Path
    _by_row: dict[int, Answer] = field(default_factory=dict)
    _news: list[Answer] = field(default_factory=list)
    by_status: Counter[str] = field(default_factory=Counter)
    reports: int = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what an earlier run knew; a last line that was cut off is left out."""
        answers = cls(path)
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    answers.put(Answer(**json.loads(line)))
                except (ValueError, TypeError):
                    continue
        answers._news.clear()
        return answers

    def put(self, answer: Answer) -> None:
        """Take the newest answer of a row."""
        before = self._by_row.get(answer.row)
        if before is not None:
            self.by_status[before.status] -= 1
            self.reports -= bool(before.report_no)
        self.by_status[answer.status] += 1
        self.reports += bool(answer.report_no)
        self._by_row[answer.row] = answer
        self._news.append(answer)

    def of(self, row: int) -> Answer | None:
        """What is known of a row."""
        return self._by_row.get(row)

    def all(self) -> Iterable[Answer]:
        """Every answer known."""
        return self._by_row.values()

    def save(self) -> None:
        """Append what is new to the file."""
        if not self._news:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in self._news)
        self._news.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A job in numbers. `manual` are with a reviewer; `open` are sent and not settled."""

    rows: int
    refused: int
    duplicates: int
    answered: int
    manual: int
    open: int
    reports: int
    by_status: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def tally(manifest: Manifest, answers: Answers) -> Tally:
    """Count a job."""
    by_status = {status: count for status, count in sorted(answers.by_status.items()) if status and count}
    manual = by_status.get(Status.PENDING_MANUAL, 0)
    settled = sum(count for status, count in by_status.items() if _is_settled(Status(status)))
    return Tally(
        rows=manifest.rows,
        refused=manifest.refused,
        duplicates=manifest.duplicates,
        answered=settled - manual,
        manual=manual,
        open=manifest.rows - manifest.refused - manifest.duplicates - settled,
        reports=answers.reports,
        by_status=by_status,
    )


def _is_settled(status: Status) -> bool:
    return status.is_final or status in _WITH_PEOPLE


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Where one job is kept."""

    path: Path

    @property
    def answers_path(self) -> Path:
        """The file of answers."""
        return self.path / "answers.jsonl"

    def read(self) -> Manifest | None:
        """The manifest; `None` when the job is not known here."""
        try:
            kept = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        kept["offsets"] = [(topic, partition, offset) for topic, partition, offset in kept["offsets"]]
        return Manifest(**{name.name: kept[name.name] for name in fields(Manifest)})

    def write(self, manifest: Manifest) -> None:
        """Keep the manifest, whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self.path / "manifest.new"
        fresh.write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1), encoding="utf-8")
        fresh.replace(self.path / "manifest.json")
