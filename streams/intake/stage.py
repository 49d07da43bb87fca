"""Intake: hold a request to the contract, number it, set its deadline, acknowledge it; know a repeat; refuse the rest.

| a request that…                          | gives                                                        |
| ---------------------------------------- | ------------------------------------------------------------ |
| holds to the contract and is new         | `Accepted`, and RECEIVED to the channel                      |
| repeats one of the last 24 hours         | RECEIVED again, with the same stamps and ids; nothing re-run |
| has the number of one, but asks another  | REJECTED_INVALID, DUPLICATE_CONFLICT                         |
| answers a clarification                  | `Accepted` and RECEIVED with the next revision               |
| answers one whose time has run out       | REJECTED_INVALID, CLARIFICATION_TIMEOUT                      |
| withdraws, forces or asks of an earlier  | silence: the ledger answers, which knows where that stands   |
| breaks a rule                            | REJECTED_INVALID with every problem                          |
| names no registered channel              | a dead letter, UNKNOWN_CHANNEL: there is nobody to answer    |

Enrichment asks about revision 1, so a reply is revision 2; the desk may ask once more about whatever it has before it.
A question that nobody answered in time comes back from the ledger (`ClarificationTimedOut`, on a topic that no channel
can write) and is accepted as the same revision without a choice. Reply and time-out both pass here, and whichever
comes first is the one: the other is refused or absorbed. That holds across the lanes as far as one lane has heard of
the other: within the moment in which both accept at once, only a reply on the lane of its request is decided for sure.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.catalogue import ACCEPTED, RESULTS
from schemas.codes import Action, Lane, Reason
from schemas.domain import channels
from schemas.domain.refusal import refused
from schemas.domain.request_rules import COMMANDS, problems
from schemas.domain.worktime import SHANGHAI
from schemas.events import Accepted, ClarificationTimedOut, Problem, Requested, Resulted
from streams.intake.acceptance import (
    FIRST_REVISION,
    REPLY_REVISION,
    acknowledged,
    digest,
    request_of,
    without_a_reply,
)
from streams.intake.asked_by_desk import DeskQuestion, DeskQuestions
from streams.intake.closed import ClosedQuestions
from streams.intake.errors import UnknownChannelError
from streams.intake.policy import IntakePolicy
from streams.intake.repeats import RecentRequests, Remembered, remembered
from streams.runtime.stage import Outcome, Output

REPEAT = "repeat"
ANSWERED = "answered"
COMMAND = "command"


class IntakeStage:
    """Serves one lane.

    `recent` must be filled from `valuation.accepted` before the first batch, `closed` from `valuation.clarifications`:
    from both lanes of each, because a question of one lane may be answered on the other. `asked` from
    `valuation.decisions`.
    """

    name = "intake"

    def __init__(
        self,
        recent: RecentRequests,
        closed: ClosedQuestions,
        asked: DeskQuestions,
        *,
        policy: IntakePolicy,
        lane: Lane,
        clock: Callable[[], datetime],
    ) -> None:
        self._recent, self._closed, self._asked = recent, closed, asked
        self._policy, self._lane, self._clock = policy, lane, clock

    def handle(self, batch: Sequence[Requested | ClarificationTimedOut]) -> Sequence[Outcome]:
        """One outcome for each event. Raises `UnknownChannelError` before anything is remembered.

        What the batch accepts is remembered only when all of it is decided: if one request makes it raise, the runtime
        hands in the others again, and they must not find themselves as their own repeats.
        """
        if not all(channels.find(event.channel) for event in batch if isinstance(event, Requested)):
            raise UnknownChannelError
        now = self._clock()
        fresh: dict[tuple[str, int], Accepted] = {}
        outcomes = [
            self._settle(event, now, fresh) if isinstance(event, Requested) else self._time_out(event, now, fresh)
            for event in batch
        ]
        self._recent.remember(tuple(fresh.values()))
        return outcomes

    def _settle(self, requested: Requested, now: datetime, fresh: dict[tuple[str, int], Accepted]) -> Outcome:
        received_at = self._received_at(requested, now)
        found = problems(requested, lane=self._lane, today=now.astimezone(SHANGHAI).date())
        if found or requested.action in COMMANDS:
            return self._refuse(requested, found, received_at, now) if found else Outcome(silence=COMMAND)
        asked = digest(requested)
        question = self._question_for(requested, asked, fresh)
        revision = _revision(requested, question)
        first = self._known(requested.valuation_id, FIRST_REVISION, fresh)
        known = first if revision == FIRST_REVISION else self._known(requested.valuation_id, revision, fresh)
        earlier = first or known  # of a request on the other lane only the reply is remembered
        if earlier is not None and earlier.is_told_apart and earlier.digest.hex() != asked:
            return self._refuse(requested, (_CONFLICT,), received_at, now)
        if known is not None and known.is_for(asked, requested.chosen_community_id):
            return self._acknowledge_again(requested, known, revision, asked)
        if requested.action is Action.CLARIFY and (
            (requested.valuation_id, revision) in self._closed or _timed_out(known)
        ):
            return self._refuse(requested, (_TOO_LATE,), received_at, now)
        if known is not None:
            return self._refuse(requested, (_ANSWERED,), received_at, now)
        accepted = self._accept(requested, question, asked, received_at, now)
        fresh[accepted.valuation_id, revision] = accepted
        return Outcome(
            outputs=(
                Output(topic=ACCEPTED, lane=self._lane, event=accepted),
                Output(topic=RESULTS, lane=self._lane, event=acknowledged(accepted, resulted_at=now)),
            )
        )

    def _time_out(
        self, timed_out: ClarificationTimedOut, now: datetime, fresh: dict[tuple[str, int], Accepted]
    ) -> Outcome:
        asking = timed_out.valuation_id, timed_out.request.revision + 1
        if self._known(*asking, fresh) is not None:
            return Outcome(silence=ANSWERED)
        question = self._asked.find(timed_out.valuation_id)
        if question is not None and question.revision != timed_out.request.revision:
            question = None  # it is enrichment's that ran out, and the desk has asked since
        allowance = self._policy.allowance(self._lane)
        accepted = without_a_reply(timed_out, allowance=allowance, accepted_at=now, question=question)
        fresh[asking] = accepted
        return Outcome(outputs=(Output(topic=ACCEPTED, lane=self._lane, event=accepted),))

    def _question_for(
        self, requested: Requested, asked: str, fresh: dict[tuple[str, int], Accepted]
    ) -> DeskQuestion | None:
        """The question of the desk that is replied to. What was sent before it was asked repeats an earlier reply."""
        question = self._asked.find(requested.valuation_id) if requested.action is Action.CLARIFY else None
        if question is None or requested.requested_at >= question.asked_at:
            return question
        before = self._known(requested.valuation_id, REPLY_REVISION, fresh)
        is_repeat = before is not None and before.is_for(asked, requested.chosen_community_id)
        return None if is_repeat and question.revision >= REPLY_REVISION else question

    def _accept(
        self,
        requested: Requested,
        question: DeskQuestion | None,
        asked: str,
        received_at: datetime,
        accepted_at: datetime,
    ) -> Accepted:
        request = request_of(
            requested,
            lane=self._lane,
            received_at=received_at,
            deadline_at=received_at + self._policy.allowance(self._lane),
            revision=_revision(requested, question),
            question=question,
        )
        return Accepted(valuation_id=requested.valuation_id, request=request, digest=asked, accepted_at=accepted_at)

    def _acknowledge_again(self, requested: Requested, known: Remembered, revision: int, asked: str) -> Outcome:
        request = request_of(
            requested,
            lane=self._lane,
            received_at=known.received_at,
            deadline_at=known.deadline_at,
            revision=revision,
        )
        again = Accepted(
            valuation_id=requested.valuation_id, request=request, digest=asked, accepted_at=known.accepted_at
        )
        receipt = acknowledged(again, resulted_at=known.accepted_at)
        return Outcome(outputs=(Output(topic=RESULTS, lane=self._lane, event=receipt),), silence=REPEAT)

    def _refuse(self, requested: Requested, found: Sequence[Problem], received_at: datetime, now: datetime) -> Outcome:
        refusal: Resulted = refused(requested, found, lane=self._lane, received_at=received_at, resulted_at=now)
        return Outcome(outputs=(Output(topic=RESULTS, lane=self._lane, event=refusal),))

    def _known(self, valuation_id: str, revision: int, fresh: dict[tuple[str, int], Accepted]) -> Remembered | None:
        just_now = fresh.get((valuation_id, revision))
        return remembered(just_now) if just_now is not None else self._recent.find(valuation_id, revision)

    def _received_at(self, requested: Requested, now: datetime) -> datetime:
        """The channel's own moment while it is plausible, so that its waiting counts; otherwise ours."""
        waited = now - requested.requested_at
        plausible = requested.requested_at <= now and waited <= self._policy.trusted_delay
        return requested.requested_at if plausible else now


def _revision(requested: Requested, question: DeskQuestion | None) -> int:
    if requested.action is not Action.CLARIFY:
        return FIRST_REVISION
    return REPLY_REVISION if question is None else question.revision + 1


def _timed_out(known: Remembered | None) -> bool:
    """Whether the asking that is remembered is the time-out: a reply always names its choice."""
    return known is not None and known.chosen_community_id is None


_CONFLICT = Problem(
    field="client_request_id",
    code=Reason.DUPLICATE_CONFLICT,
    message="该请求编号 24 小时内已用于内容不同的请求；重发须与原请求一致，新的请求请使用新的编号",
)
_ANSWERED = Problem(
    field="chosen_community_id",
    code=Reason.DUPLICATE_CONFLICT,
    message="该请求的地址已确认过，且与本次所选小区不同；如需更改请使用新的请求编号重新提交",
)
_TOO_LATE = Problem(
    field="chosen_community_id",
    code=Reason.CLARIFICATION_TIMEOUT,
    message="该请求的地址确认时间已过，请使用新的请求编号重新提交",
)
