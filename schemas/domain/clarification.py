"""How long a question about an address stays open, and when its channel is reminded (requirement AD2).

Enrichment or the desk asks and says until when; the ledger's clock reminds and closes by the same rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.domain.channels import Profile
from schemas.domain.worktime import SHANGHAI, add_desk_time

_HALF: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarificationPolicy:
    """Time to reply, by who is asked. `staff` (and our own probe) counts desk time, the others count every hour."""

    staff: timedelta = timedelta(hours=4)
    customer: timedelta = timedelta(hours=24)
    public: timedelta = timedelta(minutes=30)

    def reply_by(self, asked_at: datetime, profile: Profile) -> datetime:
        """The last instant, in UTC, at which a reply is in time."""
        return _after(asked_at, self._time_for(profile), profile)

    def remind_at(self, asked_at: datetime, profile: Profile) -> datetime:
        """When half of the time has passed, in UTC."""
        return _after(asked_at, self._time_for(profile) / _HALF, profile)

    def _time_for(self, profile: Profile) -> timedelta:
        match profile:
            case Profile.STAFF | Profile.INTERNAL:
                return self.staff
            case Profile.CUSTOMER:
                return self.customer
            case Profile.PUBLIC:
                return self.public


CLARIFICATION: Final = ClarificationPolicy()
"""What is in force; both rooms must count alike."""


def _after(asked_at: datetime, time: timedelta, profile: Profile) -> datetime:
    if profile in {Profile.STAFF, Profile.INTERNAL}:
        return add_desk_time(asked_at, time)
    return (asked_at + time).astimezone(UTC)


def question_text(choices: Iterable[str]) -> str:
    """Which of these communities is meant, each named with its city and district; of one alone, whether it is."""
    first, *others = choices
    if not others:
        return f"请确认房屋所在小区是否为：{first}。"
    return f"地址对应多个小区，请确认是哪一个：{'；'.join((first, *others))}。"


def reminder_text(question: str, reply_by: datetime) -> str:
    """The question once more, with the time until which a reply is in time, as clocks in China show it."""
    until = f"{reply_by.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return f"{question}请于北京时间 {until} 前确认，逾期本次询问将自动关闭。"
