"""From the bytes of a POST to a `Requested` event. Strict: unknown fields are refused, all problems named at once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from producers.gateway.ownership import Owner
from producers.gateway.problems import Code, ProblemError
from schemas.codes import Action, ServiceType
from schemas.events import Problem, Requested
from schemas.ids import valuation_id

Rules = Callable[[Requested], tuple[Problem, ...]]

_Short = Annotated[str, Field(max_length=128)]
_Small = Annotated[int, Field(ge=-1_000, le=10_000)]  # the rules know better; this keeps absurd numbers off the wire
_ONCE = datetime(1970, 1, 1, tzinfo=UTC)

# A required field that is missing or broken has its problem already; these let the rules judge the others.
_STAND_INS: Mapping[str, str | int] = {"address": "", "area_m2": 0}

# What the event calls otherwise than the API.
_API_NAMES = {"area": "area_m2", "chosen_community_id": "community_id"}


class ValuationBody(BaseModel):
    """What a channel sends to ask for a valuation. The channel itself is known from the API key."""

    model_config = ConfigDict(extra="forbid", strict=True, title="ValuationRequest")

    address: str = Field(
        description="Address as the customer writes it, 1–200 characters.", examples=["杭州市西湖区文三路1号"]
    )
    area_m2: Decimal = Field(
        description="Gross floor area in ㎡, over 0, at most 2 decimal places; number or text.", examples=["89.50"]
    )
    client_request_id: _Short | None = Field(
        default=None, description="The channel's own number of this request; the header Idempotency-Key does as well."
    )
    area_unit: _Short = Field(default="㎡", description="Only ㎡.")
    service_type: ServiceType = ServiceType.VALUATE
    product: _Short | None = Field(default=None, description="HOUSE_PURCHASE_MORTGAGE or HOUSE_SECURED.")
    loan_stage: _Short | None = Field(default=None, description="PRE_LOAN_INVESTIGATION or IN_LOAN_APPROVAL.")
    business_ref: _Short | None = Field(default=None, description="The bank's business number; echoed.")
    branch_code: _Short | None = None
    subject_token: _Short | None = Field(default=None, description="Opaque reference of the customer; never a name.")
    embed_target: _Short | None = Field(default=None, description="Where the bank embeds the slip; echoed.")
    force_manual: bool = Field(default=False, description="Staff channels only: let a person value it.")
    value_date: date | None = Field(default=None, description="Value date; the day of receipt when absent.")
    property_type: _Short | None = None
    community: _Short | None = Field(default=None, description="Stated community, to be verified.")
    building: _Short | None = Field(default=None, description="Stated building, to be verified.")
    usage: _Short | None = Field(default=None, description="Stated use (规划用途), to be verified.")
    floor: _Small | None = None
    total_floors: _Small | None = None
    built_year: _Small | None = None
    rooms: _Small | None = None
    note: Annotated[str, Field(max_length=500)] | None = Field(
        default=None, description="A word for the reviewer, and the reason of `force_manual`; no names."
    )


class ClarificationBody(BaseModel):
    """The answer to NEEDS_CLARIFICATION: one of the candidates offered."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Clarification")

    community_id: _Short


def read_request(
    body: bytes, *, owner: Owner, idempotency_key: str | None, received_at: datetime, rules: Rules
) -> Requested:
    """The request in a body. Its number is put behind the owner's prefix.

    Raises:
        ProblemError: MALFORMED_JSON, or INVALID_REQUEST with every problem of shape and of rule together.
    """
    fields, problems = _fields(body)
    request_id, id_problems = _request_id(fields.pop("client_request_id", None), idempotency_key)
    broken = {problem.field for problem in (*problems, *id_problems)}
    request_id = owner.prefix + request_id if request_id else ""
    requested = Requested(
        valuation_id=valuation_id(owner.channel, request_id),
        channel=owner.channel,
        client_request_id=request_id,
        requested_at=received_at,
        address=fields.pop("address", ""),
        area=fields.pop("area_m2", Decimal(0)),
        **fields,
    )
    ruled = tuple(problem for problem in map(_as_api_names_it, rules(requested)) if problem.field not in broken)
    if problems or id_problems or ruled:
        raise ProblemError(Code.INVALID_REQUEST, problems=(*problems, *id_problems, *ruled))
    return requested


def read_clarification(body: bytes) -> str:
    """The community chosen. Raises `ProblemError` as `read_request` does."""
    try:
        return ClarificationBody.model_validate_json(body).community_id
    except ValidationError as error:
        raise refused(error) from None


def query_problems(errors: Sequence[Any]) -> tuple[Problem, ...]:
    """The problems of a query string, as FastAPI found them."""
    return tuple(replace(problem, field=problem.field.removeprefix("query.")) for problem in map(_problem, errors))


def clarified(original: Requested, community_id: str, *, received_at: datetime) -> Requested:
    """The original request again, with the community chosen."""
    return replace(original, action=Action.CLARIFY, chosen_community_id=community_id, requested_at=received_at)


def fingerprint(requested: Requested) -> str:
    """Equal for the same request sent twice, whenever that was and however the area was written."""
    same = replace(requested, requested_at=_ONCE, area=requested.area.normalize())
    return sha256(repr(same).encode()).hexdigest()


def _fields(body: bytes) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The fields that have the right shape (stand-ins for required ones), and a problem for each that has not."""
    try:
        return ValuationBody.model_validate_json(body).model_dump(), ()
    except ValidationError as error:
        refusal = refused(error)
    broken = {problem.field for problem in refusal.problems}
    if refusal.code is Code.MALFORMED_JSON or "body" in broken:
        raise refusal
    sound = {name: value for name, value in json.loads(body).items() if name not in broken}
    return ValuationBody.model_validate_json(json.dumps({**_STAND_INS, **sound})).model_dump(), refusal.problems


def refused(refusal: ValidationError) -> ProblemError:
    """The problem document of what pydantic found: MALFORMED_JSON, or INVALID_REQUEST with every problem."""
    errors = refusal.errors(include_url=False)
    if any(error["type"] == "json_invalid" for error in errors):
        return ProblemError(Code.MALFORMED_JSON)
    return ProblemError(Code.INVALID_REQUEST, problems=tuple(map(_problem, errors)))


def _request_id(in_body: str | None, in_header: str | None) -> tuple[str, tuple[Problem, ...]]:
    if in_body is not None and in_header is not None and in_body != in_header:
        return in_body, (
            Problem(
                field="client_request_id",
                code="CONTRADICTION",
                message="请求编号 client_request_id 与请求头 Idempotency-Key 不一致，请只提供其中之一。",
            ),
        )
    request_id = in_body if in_body is not None else in_header
    if not request_id:
        missing = "缺少请求编号，请提供 client_request_id 或请求头 Idempotency-Key。"
        return "", (Problem(field="client_request_id", code="MISSING", message=missing),)
    return request_id, ()


def _as_api_names_it(problem: Problem) -> Problem:
    return replace(problem, field=_API_NAMES.get(problem.field, problem.field))


_MESSAGES: Mapping[str, tuple[str, str]] = {
    "missing": ("MISSING", "缺少必填字段。"),
    "extra_forbidden": ("UNKNOWN_FIELD", "未知字段，请删除或核对字段名。"),
    "decimal_type": ("WRONG_TYPE", "须为数字，或写成文本的数字，例如 89.50。"),
    "decimal_parsing": ("WRONG_TYPE", "须为数字，或写成文本的数字，例如 89.50。"),
    "finite_number": ("OUT_OF_RANGE", "须为有限的数字。"),
    "string_type": ("WRONG_TYPE", "须为文本。"),
    "string_too_long": ("TOO_LONG", "文本过长。"),
    "int_type": ("WRONG_TYPE", "须为整数。"),
    "int_parsing": ("WRONG_TYPE", "须为整数。"),
    "bool_type": ("WRONG_TYPE", "须为 true 或 false。"),
    "date_type": ("WRONG_TYPE", "须为日期，格式 YYYY-MM-DD。"),
    "date_parsing": ("WRONG_TYPE", "须为日期，格式 YYYY-MM-DD。"),
    "date_from_datetime_parsing": ("WRONG_TYPE", "须为日期，格式 YYYY-MM-DD。"),
    "greater_than_equal": ("OUT_OF_RANGE", "数值超出允许范围。"),
    "less_than_equal": ("OUT_OF_RANGE", "数值超出允许范围。"),
    "string_pattern_mismatch": ("WRONG_FORM", "格式不符合要求，请核对接口说明。"),
    "string_too_short": ("MISSING", "不能为空。"),
    "value_error": ("INVALID", "不能为空，且不能含有不可见字符。"),
    "enum": ("UNKNOWN_VALUE", "取值不在允许范围内。"),
    "model_type": ("WRONG_TYPE", "请求体须为 JSON 对象。"),
}


def _problem(error: Mapping[str, Any]) -> Problem:
    code, message = _MESSAGES.get(error["type"], ("INVALID", "字段无效。"))
    field = ".".join(str(step) for step in error["loc"])[:64] or "body"
    return Problem(field=field, code=code, message=message)
