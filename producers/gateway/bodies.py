"""What the commands of the gateway take in their bodies, and the problems of those that are wrong."""

import unicodedata
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from producers.gateway.problems import Code, ProblemError
from producers.gateway.request_body import refused
from schemas.codes import WorkOrderKind
from schemas.events import Problem

MAX_REASON: Final = 500
MAX_WORDS: Final = 2_000
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LINE_ENDS: Final = frozenset("\n\r\t")

B = TypeVar("B", bound=BaseModel)


class UnreadableError(ValueError):
    """A text without anything to read in it, or with characters that nobody sees."""


def _words(text: str) -> str:
    if any(unicodedata.category(letter) in _UNSEEN and letter not in _LINE_ENDS for letter in text):
        raise UnreadableError
    if not text.strip():
        raise UnreadableError
    return text.strip()


Reason = Annotated[str, Field(max_length=MAX_REASON), AfterValidator(_words)]
Words = Annotated[str, Field(max_length=MAX_WORDS), AfterValidator(_words)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Hex, lower case.", examples=["9f86d081" * 8])]
Uuid = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", examples=["ed53c5d9-cdd4-5cfd-93c5-1672706d8525"]),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CancellationBody(_Body):
    """Withdraw a valuation that has not ended."""

    model_config = ConfigDict(title="Cancellation")

    reason: Reason | None = Field(default=None, description="For the file.", examples=["客户撤回申请"])


class ManualReviewBody(_Body):
    """Let a person value it, whatever the model says."""

    model_config = ConfigDict(title="ManualReview")

    reason: Reason = Field(description="Why, in words for the reviewer; no names.", examples=["审批人要求人工复核"])


class DisputeBody(_Body):
    """复估: the value is not accepted."""

    model_config = ConfigDict(title="Dispute")

    reason_code: str = Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,63}$", description="The bank's own code of the reason.", examples=["VALUE_TOO_LOW"]
    )
    text: Words | None = Field(
        default=None, description="What speaks against the value; no names.", examples=["同小区上月成交价明显更高"]
    )


class ReceiptBody(_Body):
    """回执: the bank's system has it."""

    model_config = ConfigDict(title="Receipt")

    delivery_id: Uuid | None = Field(
        default=None, description="As delivered. Absent: the receipt is for the report fetched over HTTP."
    )
    sha256: Sha256 = Field(description="Of the body delivered, or of the report's PDF, as it arrived; hex, lower case.")
    embedded_at: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="Where the report stands now in the bank's system.", examples=["CMS/押品/附件"]
    )


class WorkOrderBody(_Body):
    """工单: something besides a value."""

    model_config = ConfigDict(title="WorkOrder", use_enum_values=False)

    client_request_id: str = Field(
        pattern=r"^[^\s\x00-\x1f\x7f]{1,64}$",
        description="The channel's own number of this work order; the same again is the same work order.",
        examples=["WO-2026-0001"],
    )
    kind: WorkOrderKind = Field(description="Not DISPUTE: dispute the valuation itself.")
    text: Words = Field(description="What is wanted; no names.", examples=["请更正该楼栋的总层数：应为 18 层"])
    valuation_id: Uuid | None = Field(default=None, description="The valuation it is about, if any.")
    business_ref: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="The bank's business number; echoed."
    )


def read(model: type[B], body: bytes) -> B:
    """The body as that model. Raises `ProblemError` MALFORMED_JSON, or INVALID_REQUEST with every problem."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refused(error) from None


def wrong(field: str, code: str, message: str) -> ProblemError:
    """A refusal for one field."""
    return ProblemError(Code.INVALID_REQUEST, problems=[Problem(field=field, code=code, message=message)])
