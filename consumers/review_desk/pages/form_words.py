"""What the form of a decision says of outcomes and of the distance to the model."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from consumers.review_desk.pages.written import share, yuan
from consumers.review_desk.words import OUTCOME
from schemas.codes import ReviewOutcome

SURVEY: Final = "SURVEY"  # no outcome of a decision: an order for somebody to go and look
OUTCOMES: Final[Mapping[str, str]] = {**OUTCOME, SURVEY: "派实地勘察"}
EXPLAINED: Final[Mapping[str, str]] = {
    ReviewOutcome.UNABLE: "渠道收到“依据不足，无法估值”。内部说明不外发。",
    ReviewOutcome.NOT_ELIGIBLE: "渠道收到“非可上市交易商品房”。",
    ReviewOutcome.OUT_OF_COVERAGE: "渠道收到“超出服务范围”。",
    ReviewOutcome.CLARIFY: "请渠道在左侧候选小区中确认一次；等待期间时限暂停，答复后优先回到您手中，草稿保留。",
    ReviewOutcome.RETURN_TO_AUTO: "请先在左侧确认小区；按所确认的小区重新自动估值，仍不足时按原时限转回人工。",
    SURVEY: "请在下方写明勘察要求。派工单实地勘察；案件保持打开，时限照常计算，渠道收到处理中的进度。",
}


def is_far(price: int, model: int, limit: Decimal) -> bool:
    """Whether a unit price lies further from the model's than may go without a reason. At the limit it does not."""
    return abs(price - model) > limit * model


def deviation_text(price: int, model: int, *, is_far: bool) -> str:
    """`较模型 -3.0%（-1,230）`, with a sign of warning before one that needs a reason."""
    sign = "⚠ " if is_far else ""
    return f"{sign}较模型 {share(price / model - 1)}（{'+' if price >= model else '-'}{yuan(abs(price - model))}）"
