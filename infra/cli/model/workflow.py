"""The way of a model into charge: shadow, canary, full, and back. Pure: what stands and who asks in, a move out.

A challenger is valued in the champion's shadow, then answers a share of the properties, then two people put it in
charge. Every move is a `ModelStep` for the record and the announcements that scorers follow. Nothing is ever deleted
from `models.released`: a challenger that is none any more points at the champion's own artefact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from infra.cli import CommandError
from schemas.codes import ModelRole, ReleaseStep
from schemas.domain.measures import LEAST
from schemas.domain.staff import folded, staff_number
from schemas.events import ModelReleased, ModelStep

_SUFFIX: Final = "-challenger"
_IN_CHARGE: Final = frozenset({ReleaseStep.RELEASED, ReleaseStep.PROMOTED})
_WORSE: Final = 0.01  # share of values within ten per cent: valuation guide §13, no more than one point worse
_PAIRED: Final = "paired."
Figures = Mapping[str, float]


class RefusedError(CommandError):
    """A step that the workflow does not allow; the message says what would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who asks for a step, when and why. `by` is a staff number."""

    by: str
    at: datetime
    reason: str

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.reason.strip():
            raise RefusedError("say who asks (--by) and why (--reason); both are kept")
        object.__setattr__(self, "by", _staff_number(self.by, "--by"))  # one spelling for each person


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The models of one segment: who answers, who is on trial, and how it came about (oldest step first)."""

    segment: str
    champion: ModelReleased | None = None
    challenger: ModelReleased | None = None
    steps: tuple[ModelStep, ...] = ()

    @classmethod
    def of(cls, segment: str, released: Mapping[str, ModelReleased], steps: Sequence[ModelStep]) -> "Line":
        """The line of a segment out of what is announced (by name) and all steps."""
        mine = {release.role: release for release in released.values() if release.segment == segment}
        champion, challenger = mine.get(ModelRole.CHAMPION), mine.get(ModelRole.CHALLENGER)
        if champion is not None and challenger is not None and challenger.sha256 == champion.sha256:
            challenger = None
        own = tuple(step for step in steps if step.segment == segment)
        return cls(segment=segment, champion=champion, challenger=challenger, steps=own)

    @property
    def trial(self) -> tuple[ModelStep, ...]:
        """The steps of the challenger since it last went into the shadow: put up, or rolled back."""
        if self.challenger is None:
            return ()
        sha256 = self.challenger.sha256
        begins = [place for place, step in enumerate(self.steps) if _goes_into_shadow(step) == sha256]
        return self.steps[begins[-1] :] if begins else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What is to be written: the step, then what scorers follow."""

    step: ModelStep
    announced: tuple[ModelReleased, ...] = field(default_factory=tuple)


def release(line: Line, new: ModelReleased, word: Word, *, second: str = "") -> Move:
    """In charge at once: a segment's first model. Another one goes by way of `challenge`, unless two people insist."""
    charged = _as_champion(new, word)
    if line.champion is not None and line.champion.sha256 != new.sha256:
        if not second.strip():
            raise RefusedError(
                f"{new.version} would take the place of {line.champion.version} in {line.segment} without a trial, "
                "which needs two people: name the other one with --second, or go by way of `avm model challenge`"
            )
        other = _staff_number(second, "--second")
        _another_person(other, word.by, "releases the model")
        charged = replace(charged, approved_by=other)
    return _move(line, ReleaseStep.RELEASED, charged, word, former=line.champion, announced=(charged,))


def challenge(line: Line, new: ModelReleased, word: Word) -> Move:
    """Into the champion's shadow. Takes the place of a challenger before it."""
    if line.champion is None:
        raise RefusedError(f"{line.segment} has no champion to challenge; `avm model release` puts its first model up")
    if new.sha256 == line.champion.sha256:
        raise RefusedError(f"{new.version} is the champion of {line.segment} itself; train another model")
    shadow = _as_challenger(new, word, share=0.0)
    return _move(line, ReleaseStep.CHALLENGED, shadow, word, former=line.challenger, announced=(shadow,))


def canary(line: Line, share: float, word: Word, figures: Figures) -> Move:
    """Let the challenger answer a share of the properties; 0 puts it back into the shadow.

    More than before needs another person than the one who put it up; less needs nobody's consent.
    """
    challenger = _challenger(line)
    if not 0 <= share < 1:
        raise RefusedError(f"a share is a fraction below 1, not {share:g}: write 0.05 for 5 %, 0 to end the canary")
    if share > challenger.share:
        _another_person(word.by, line.trial[0].by if line.trial else challenger.released_by, "put the challenger up")
        _not_worse(figures)
    # who lowers a share has approved nothing: who approved the greater one approved what is left of it
    consent = word.by if share > challenger.share else challenger.approved_by if share else None
    on_trial = replace(challenger, share=share, released_at=word.at, reason=word.reason, approved_by=consent)
    return _move(line, ReleaseStep.CANARY, on_trial, word, former=challenger, announced=(on_trial,), figures=figures)


def propose(line: Line, word: Word, figures: Figures) -> Move:
    """Ask that the challenger be promoted, on these figures. A second person decides by `approve`."""
    challenger = _challenger(line)
    if not any(step.step is ReleaseStep.CANARY and step.release.share > 0 for step in line.trial):
        raise RefusedError(
            f"{challenger.version} has answered nobody yet; let it answer a few first: `avm model canary --share 0.05`"
        )
    _not_worse(figures)
    return _move(line, ReleaseStep.PROPOSED, challenger, word, former=line.champion, figures=figures)


def approve(line: Line, word: Word) -> Move:
    """The second person's yes: the challenger becomes the champion."""
    challenger = _challenger(line)
    proposal = line.trial[-1] if line.trial else None
    if proposal is None or proposal.step is not ReleaseStep.PROPOSED:
        raise RefusedError(
            f"nobody has proposed {challenger.version} since its last step; `avm model promote` proposes it"
        )
    _another_person(word.by, proposal.by, "proposed the promotion")
    charged = replace(_as_champion(challenger, word), released_by=proposal.by, approved_by=word.by)
    # its place as a challenger is kept, without a share: should it be rolled back, it falls back into the shadow
    beside = replace(challenger, share=0.0)
    return _move(
        line,
        ReleaseStep.PROMOTED,
        charged,
        word,
        former=line.champion,
        announced=(charged, beside),
        figures=proposal.figures,
    )


def former_of(line: Line, version: str | None = None) -> ModelReleased:
    """What a rollback would put back: the champion before this one, or a former champion by its version."""
    if line.champion is None:
        raise RefusedError(f"{line.segment} has no champion, so there is nothing to roll back")
    champions = [step.former for step in line.steps if step.step in _IN_CHARGE and step.former is not None]
    champions += [step.release for step in line.steps if step.step in _IN_CHARGE]
    known = {one.version: one for one in champions if one.sha256 != line.champion.sha256}
    if version is not None:
        if version not in known:
            raise RefusedError(
                f"{version} was never in charge of {line.segment} before; known are: {', '.join(known) or 'none'}"
            )
        return known[version]
    charged = [step for step in line.steps if step.step in _IN_CHARGE and step.release.sha256 == line.champion.sha256]
    formers = [step.former for step in charged if step.former and step.former.sha256 != line.champion.sha256]
    if not formers:
        raise RefusedError(
            f"nothing was in charge of {line.segment} before {line.champion.version}; name one with --version: "
            f"{', '.join(known) or 'there is none'}"
        )
    return formers[-1]


def rollback(line: Line, former: ModelReleased, word: Word) -> Move:
    """Publish the former manifest again. One person is enough; whatever is on trial answers nobody either."""
    back = _as_champion(former, word)
    challenger = line.challenger or line.champion
    shadow = () if challenger is None else (_as_challenger(challenger, word, share=0.0),)
    return _move(line, ReleaseStep.ROLLED_BACK, back, word, former=line.champion, announced=(back, *shadow))


def withdraw(line: Line, word: Word) -> Move:
    """End the trial: nobody is in the shadow any more."""
    challenger = _challenger(line)
    if line.champion is None:
        raise RefusedError(f"{line.segment} has no champion; release one first")
    nobody = _as_challenger(line.champion, word, share=0.0)
    return _move(line, ReleaseStep.WITHDRAWN, replace(challenger, share=0.0), word, former=None, announced=(nobody,))


def _goes_into_shadow(step: ModelStep) -> str | None:
    """The artefact that a step puts into the shadow."""
    if step.step is ReleaseStep.CHALLENGED:
        return step.release.sha256
    return step.former.sha256 if step.step is ReleaseStep.ROLLED_BACK and step.former else None


def _challenger(line: Line) -> ModelReleased:
    if line.challenger is None:
        raise RefusedError(f"{line.segment} has no challenger; put one up with `avm model challenge FOLDER`")
    return line.challenger


def _another_person(by: str, before: str, what: str) -> None:
    if folded(by) == folded(before):
        raise RefusedError(f"{by} {what} and cannot approve it alone: a second person must")


def _staff_number(text: str, option: str) -> str:
    try:
        return staff_number(text)
    except ValueError as error:
        raise RefusedError(f"{option}: {error}") from error


def _not_worse(figures: Figures) -> None:
    """The paired comparison decides where there are outcomes enough.

    In a single county a difference counts once its interval lies below zero: of many counties some always look worse.
    """
    worse = [
        f"{prefix.removeprefix(_PAIRED).rstrip('.') or 'in all'} {difference:.1%}"
        for prefix, difference in _differences(figures).items()
        if difference < -_WORSE and (prefix == _PAIRED or figures[f"{prefix}difference_high"] < 0)
    ]
    if worse:
        raise RefusedError(
            "on outcomes known since, the challenger is within 10 % more seldom than the champion by over one point: "
            f"{'; '.join(worse)}; keep it in the shadow or withdraw it"
        )


def _differences(figures: Figures) -> dict[str, float]:
    """By prefix (`paired.`, `paired.110105.`), where there are outcomes enough."""
    found = {name.removesuffix("difference"): figure for name, figure in figures.items() if name.endswith("difference")}
    return {prefix: figure for prefix, figure in found.items() if figures[f"{prefix}n"] >= LEAST}


def _as_champion(new: ModelReleased, word: Word) -> ModelReleased:
    return replace(
        new,
        name=new.name.removesuffix(_SUFFIX),
        role=ModelRole.CHAMPION,
        share=0.0,
        released_at=word.at,
        released_by=word.by,
        approved_by=None,
        reason=word.reason,
    )


def _as_challenger(new: ModelReleased, word: Word, *, share: float) -> ModelReleased:
    name = new.name.removesuffix(_SUFFIX) + _SUFFIX
    return replace(_as_champion(new, word), name=name, role=ModelRole.CHALLENGER, share=share)


def _move(
    line: Line,
    step: ReleaseStep,
    new: ModelReleased,
    word: Word,
    *,
    former: ModelReleased | None,
    announced: tuple[ModelReleased, ...] = (),
    figures: Figures | None = None,
) -> Move:
    record = ModelStep(
        segment=line.segment,
        step=step,
        release=new,
        by=word.by,
        at=word.at,
        reason=word.reason,
        former=former,
        figures=dict(figures or {}),
    )
    return Move(step=record, announced=announced)
