"""The first pass over a file: what is wrong with which row, and which rows ask the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from producers.batch.job import Answer, Answers
from producers.batch.rows import ReadRow
from schemas.events import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the first pass found, by row number."""

    rows: int
    problems: dict[int, tuple[Problem, ...]]
    same_as: dict[int, int]

    def found(self, answers: Answers, row: int) -> tuple[Answer | None, str]:
        """A row's answer (a repeat has the first one's), and what else is to say of the row."""
        if row in self.problems:
            return None, "；".join(problem.message for problem in self.problems[row])
        first = self.same_as.get(row)
        if first is not None:
            return answers.of(first), f"与第 {first} 行相同，采用该行结果"
        return answers.of(row), ""

    def problems_as_json(self) -> list[dict[str, Any]]:
        """One object a problem: row, field, code, and how to mend it."""
        return [
            {"row": row, "field": problem.field, "code": problem.code, "message": problem.message}
            for row, problems in self.problems.items()
            for problem in problems
        ]


def check(rows: Iterable[ReadRow]) -> Checked:
    """Read everything once, before anything is sent. Raises `FileError` where the file is broken."""
    count, problems, same_as = 0, {}, {}
    for row in rows:
        count += 1
        if row.problems:
            problems[row.number] = row.problems
        if row.same_as is not None:
            same_as[row.number] = row.same_as
    return Checked(rows=count, problems=problems, same_as=same_as)
