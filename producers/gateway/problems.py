"""What goes wrong at the gateway, as RFC 9457 problem details with stable codes, in English and Chinese."""

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from schemas.events import Problem

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """Stable: programs branch on them."""

    MALFORMED_JSON = "malformed-json"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    DUPLICATE_CONFLICT = "duplicate-conflict"
    NOT_AWAITING_CLARIFICATION = "not-awaiting-clarification"
    BODY_TOO_LARGE = "body-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    INVALID_REQUEST = "invalid-request"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"
    LOADING = "loading"
    INTERNAL = "internal"


_KNOWN: dict[Code, tuple[HTTPStatus, str, str]] = {
    Code.MALFORMED_JSON: (HTTPStatus.BAD_REQUEST, "The body is not valid JSON.", "请求体不是有效的 JSON。"),
    Code.UNAUTHENTICATED: (
        HTTPStatus.UNAUTHORIZED,
        "Send a valid API key in the header X-API-Key.",
        "缺少有效的 API 密钥，请在请求头 X-API-Key 中提供。",
    ),
    Code.FORBIDDEN: (HTTPStatus.FORBIDDEN, "This channel may not do that.", "该渠道无权执行此操作。"),
    Code.NOT_FOUND: (HTTPStatus.NOT_FOUND, "There is no such thing here.", "未找到请求的内容。"),
    Code.METHOD_NOT_ALLOWED: (
        HTTPStatus.METHOD_NOT_ALLOWED,
        "This address does not answer that method.",
        "该地址不支持此请求方法。",
    ),
    Code.DUPLICATE_CONFLICT: (
        HTTPStatus.CONFLICT,
        "This client_request_id was used before with other content; use a new one for a new request.",
        "该请求编号已用于内容不同的申请，新的申请请使用新的编号。",
    ),
    Code.NOT_AWAITING_CLARIFICATION: (
        HTTPStatus.CONFLICT,
        "This valuation is not waiting for a clarification.",
        "该估值当前不需要确认地址。",
    ),
    Code.BODY_TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is larger than 64 KiB.",
        "请求体超过 64 KiB。",
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Send the body as application/json in UTF-8.",
        "请求体须为 UTF-8 编码的 application/json。",
    ),
    Code.INVALID_REQUEST: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Some fields are wrong; `problems` names each of them.",
        "部分字段有误，详见 problems。",
    ),
    Code.RATE_LIMITED: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests on this channel; try again after Retry-After seconds.",
        "该渠道请求过于频繁，请按 Retry-After 指示的秒数后重试。",
    ),
    Code.UNAVAILABLE: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The request could not be recorded safely; send it again with the same client_request_id.",
        "暂时无法可靠受理，请稍后使用相同的请求编号重试。",
    ),
    Code.LOADING: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The dictionary of communities is still being loaded; try again after Retry-After seconds.",
        "小区名录正在加载，请按 Retry-After 指示的秒数后重试。",
    ),
    Code.INTERNAL: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong on our side; it has been recorded.",
        "系统内部错误，已记录。",
    ),
}


class ProblemError(Exception):
    """Ends the handling of a request with a problem document. `retry_after_s` becomes the header Retry-After."""

    def __init__(
        self,
        code: Code,
        *,
        problems: Sequence[Problem] = (),
        retry_after_s: int | None = None,
        valuation_id: str | None = None,
    ) -> None:
        self.code = code
        self.problems = tuple(problems)
        self.retry_after_s = retry_after_s
        self.valuation_id = valuation_id
        super().__init__(code)

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the code."""
        return int(_KNOWN[self.code][0])

    def headers(self) -> dict[str, str]:
        """Headers that belong to the problem."""
        headers = {"Content-Type": MEDIA_TYPE}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.code is Code.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = 'ApiKey realm="valuations"'
        return headers

    def document(self) -> dict[str, Any]:
        """The body: RFC 9457 members, `code`, `detail_zh`, and for wrong fields `problems`."""
        status, detail, detail_zh = _KNOWN[self.code]
        body: dict[str, Any] = {
            "type": f"urn:house-valuation:problem:{self.code}",
            "title": status.phrase,
            "status": int(status),
            "code": str(self.code),
            "detail": detail,
            "detail_zh": detail_zh,
        }
        if self.problems:
            body["problems"] = [{"field": p.field, "code": p.code, "message": p.message} for p in self.problems]
        if self.valuation_id is not None:
            body["valuation_id"] = self.valuation_id
        return body


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "detail_zh"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [str(code) for code in Code]},
        "detail": {"type": "string"},
        "detail_zh": {"type": "string"},
        "valuation_id": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
