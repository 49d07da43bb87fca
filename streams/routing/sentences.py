"""The Chinese sentences of an answer, by what the channel may see. Reasons are for staff; customers get the outcome."""

from collections.abc import Iterable
from datetime import date, datetime

from schemas.codes import ReviewOutcome
from schemas.domain.channels import Profile
from schemas.domain.texts import limiting_factor_text, reason_text
from schemas.domain.worktime import SHANGHAI

UNABLE_PUBLIC = "根据现有市场资料暂无法给出可靠的参考价格，请向银行客户经理咨询。"
PARKED = "系统部分功能受限，恢复后将自动完成估值，请勿重复提交。"
RETURNED = "已人工核实房屋所在小区，正在重新自动估值。"
_TOLD_OF_IT = frozenset({Profile.STAFF, Profile.INTERNAL})
_OUTCOMES = {
    ReviewOutcome.VALUE: "人工估值已完成。",
    ReviewOutcome.UNABLE: "经人工核查，现有资料不足以给出估值。",
    ReviewOutcome.NOT_ELIGIBLE: "经人工核查，该房屋不属于可上市交易的商品房。",
    ReviewOutcome.OUT_OF_COVERAGE: "经人工核查，该房屋不在当前服务范围内。",
}


def automatic(factors: Iterable[str], profile: Profile) -> str:
    """What an automatic answer says of itself. Staff reads what weakens the value."""
    said = _listed(limiting_factor_text(factor) for factor in factors)
    return f"自动估值已完成。限制条件：{said}。" if said and profile is Profile.STAFF else "自动估值已完成。"


def reissued(value_date: date, factors: Iterable[str], profile: Profile) -> str:
    """What an answer says that was given before: for staff of which day, since another customer may have asked."""
    on = f"{value_date.year}年{value_date.month}月{value_date.day}日" if profile in _TOLD_OF_IT else ""
    return f"同一房屋{on}的估值结果仍在有效期内，沿用该结果。{automatic(factors, profile)}"


def pending(due_at: datetime, reasons: Iterable[str], profile: Profile) -> str:
    """When a person will have answered, in Shanghai time, and for staff why one has to."""
    due = due_at.astimezone(SHANGHAI)
    promise = f"已转人工估值，预计不晚于{due.year}年{due.month}月{due.day}日{due:%H:%M}完成。"
    said = _listed(reason_text(reason) for reason in reasons)
    return f"{promise}原因：{said}。" if profile is Profile.STAFF else promise


def progressed(position: int | None, expected_at: datetime | None, *, on_survey: bool) -> str:
    """Where a review stands, in words that hold until the next word about it."""
    where = "已安排实地勘察。" if on_survey else ""
    if position is not None:
        where += f"当前排队第{position}位。"
    if expected_at is not None:
        at = expected_at.astimezone(SHANGHAI)
        where += f"预计{at.month}月{at.day}日{at:%H:%M}前后完成。"
    return where


def decided(outcome: ReviewOutcome) -> str:
    """What a person concluded at last. Nothing a reviewer typed goes out."""
    return _OUTCOMES[outcome]


def _listed(texts: Iterable[str]) -> str:
    return "；".join(text.rstrip("。") for text in texts)
