"""Requirement IN10: what was answered for a unit is issued again while it is valid, and not valued a second time.

An earlier answer takes the place of the fresh value, and then everything is asked of it that is asked of any value: a
hold on its segment, a stricter policy, a concern about this request, and it is not issued again. A new model or index
changes nothing. Never issued again: a batch's or a revaluation's answers and requests, for which the fresh value is the
point; a request about another day than its own; what a reviewer or a dispute had a part in; and a house of which
something else is known by now than when it was valued, or the fresh value rests on other sources: a licence may have
ended since.
"""

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from schemas.codec import Codec
from schemas.codes import Lane, LoanStage, Occasion, Reason, SegmentState, Status
from schemas.domain.reuse import reuse_key
from schemas.domain.worktime import shanghai_date
from schemas.events import Attributes, Resulted, ReusableAnswer, Scored
from streams.routing import sentences
from streams.routing.answer import answer, evidence, model_money, profile_of
from streams.routing.policy import Policy
from streams.routing.rules import reasons_for_review
from streams.runtime.stage import Change

CAPACITY: Final = 20_000  # the newest units, about 2 kB each; an older one is valued anew, which is no harm


class ReusableAnswers:
    """A `ReferenceView` of `reference.answers`, compressed: the newest `capacity` units, whatever the topic holds."""

    def __init__(self, codec: Codec, *, capacity: int = CAPACITY) -> None:
        self._codec, self._capacity = codec, capacity
        self._packed: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._packed)

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take answers in, the latest of a unit last. One that is withdrawn takes only itself away."""
        for change in changes:
            event = change.event
            if isinstance(event, ReusableAnswer):
                self._take(event)

    def find(self, key: str) -> ReusableAnswer | None:
        """The latest answer for a unit, area and service; `None` where none is known."""
        kept = self._packed.get(key)
        return None if kept is None else self._codec.decode(zlib.decompress(kept[1]), ReusableAnswer)

    def _take(self, answer: ReusableAnswer) -> None:
        kept = self._packed.get(answer.reuse_key)
        if answer.valuation is None:
            if kept is not None and kept[0] == answer.valuation_id:
                del self._packed[answer.reuse_key]
            return
        self._packed[answer.reuse_key] = answer.valuation_id, zlib.compress(self._codec.encode(answer), 1)
        self._packed.move_to_end(answer.reuse_key)
        if len(self._packed) > self._capacity:
            self._packed.popitem(last=False)


def earlier_answer(scored: Scored, answers: ReusableAnswers, *, within_days: int) -> ReusableAnswer | None:
    """The answer that may be issued again for a scored valuation, so far as the two themselves tell; else `None`."""
    if not _may_have_one(scored):
        return None
    key = reuse_key(scored.address, scored.request.area_m2, scored.request.service_type)
    former = None if key is None else answers.find(key)
    if former is None or former.valuation_id == scored.valuation_id:
        return None
    return former if _still_holds(former, scored, within_days) else None


def reissued(
    scored: Scored, former: ReusableAnswer, policy: Policy, segment: SegmentState, *, now: datetime
) -> Resulted | None:
    """The earlier answer once more, with its figures, its day and its end; `None` where it may not stand any more."""
    profile = profile_of(scored.request.channel)
    case = in_its_place(scored, former)
    valuation = evidence(case)
    if (
        valuation is None
        or not _rests_on_the_same(scored, former)
        or reasons_for_review(case, policy, profile, segment)
    ):
        return None
    again = answer(
        case,
        Status.COMPLETED_AUTO,
        policy=policy.reference(Reason.REUSED),
        at=now,
        reasons=(Reason.REUSED,),
        reason_text=sentences.reissued(former.value_date, valuation.limiting_factors, profile),
        money=model_money(valuation),
        valid_until=former.valid_until,
    )
    return replace(again, value_date=former.value_date, reused_from=former.valuation_id)


def in_its_place(scored: Scored, former: ReusableAnswer) -> Scored:
    """The case with the earlier value instead of the fresh one, degraded by nothing that the fresh one alone has."""
    fresh, earlier = (set(value.sources) if value else set[str]() for value in (scored.valuation, former.valuation))
    degraded = tuple(source for source in scored.degraded_sources if source not in fresh - earlier)
    return replace(scored, valuation=former.valuation, degraded_sources=degraded)


def _rests_on_the_same(scored: Scored, former: ReusableAnswer) -> bool:
    """Whether every source of the earlier value may still be used, as far as a fresh one shows that there is."""
    if scored.valuation is None or former.valuation is None:
        return False
    return set(former.valuation.sources) <= set(scored.valuation.sources)


def _may_have_one(scored: Scored) -> bool:
    request = scored.request
    is_of_its_day = request.value_date == shanghai_date(request.received_at)
    is_single = request.lane is Lane.ONLINE and request.loan_stage != LoanStage.OTHER
    return is_of_its_day and is_single and request.occasion is Occasion.ASKED


def _still_holds(former: ReusableAnswer, scored: Scored, within_days: int) -> bool:
    """Given before this was asked, so that a replay finds the same; still valid; and about the house as it is known."""
    today = scored.request.value_date
    is_valid = today <= min(former.valid_until, former.value_date + timedelta(days=within_days - 1))
    is_earlier = former.answered_at <= scored.request.received_at
    return is_valid and is_earlier and _facts(former.attributes) == _facts(scored.attributes)


def _facts(attributes: Attributes) -> Attributes:
    """Without where each fact came from: a stated floor is the same floor as one that was read off the address."""
    return replace(attributes, origins={})
