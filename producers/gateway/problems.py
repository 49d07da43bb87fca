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
    ALREADY_FINAL = "already-final"
    NOT_DISPUTABLE = "not-disputable"
    BODY_TOO_LARGE = "body-too-large"
    FILE_TOO_LARGE = "file-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    INVALID_REQUEST = "invalid-request"
    BLOCKED = "blocked"
    CHALLENGE_REQUIRED = "challenge-required"
    QUOTA_EXCEEDED = "quota-exceeded"
    RATE_LIMITED = "rate-limited"
    TOO_MANY_STREAMS = "too-many-streams"
    TOO_MANY_TRANSFERS = "too-many-transfers"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    LOADING = "loading"
    BATCH_UNAVAILABLE = "batch-unavailable"
    DRAINING = "draining"
    INTERNAL = "internal"


OF_JOBS = (
    "body-too-large",
    "channel-may-not",
    "checksum-mismatch",
    "count-mismatch",
    "invalid-file",
    "invalid-request",
    "job-id-taken",
    "not-found",
    "not-possible",
    "other-order",
    "too-many-jobs",
    "too-many-uploads",
)
"""The batch service's own, handed on as they are. Its `unavailable` is told as BATCH_UNAVAILABLE."""

_KNOWN: dict[Code, tuple[HTTPStatus, str, str]] = {
    Code.MALFORMED_JSON: (HTTPStatus.BAD_REQUEST, "The body is not valid JSON.", "请求体不是有效的 JSON。"),
    Code.UNAUTHENTICATED: (
        HTTPStatus.UNAUTHORIZED,
        "Send valid credentials: an API key in X-API-Key, or a token in Authorization: Bearer; see `problems`.",
        "缺少有效凭证，请在请求头 X-API-Key 中提供 API 密钥，或在 Authorization 中提供 Bearer 令牌。",
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
    Code.ALREADY_FINAL: (
        HTTPStatus.CONFLICT,
        "This valuation has ended, and its end stands; a value may be disputed, anything else is asked again.",
        "该笔估值已办结，不能再撤销或转人工；对结果有异议请提出复估，其他情况请重新申请。",
    ),
    Code.NOT_DISPUTABLE: (
        HTTPStatus.CONFLICT,
        "This valuation cannot be disputed now; `problems` says why.",
        "该笔估值目前不能复估，原因见 problems。",
    ),
    Code.BODY_TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is larger than 64 KiB.",
        "请求体超过 64 KiB。",
    ),
    Code.FILE_TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The file is larger than a job may be; divide it and send the parts as jobs of their own.",
        "文件超过单个批量作业的大小上限，请拆分后分别提交。",
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
    Code.BLOCKED: (
        HTTPStatus.FORBIDDEN,
        "This channel, customer or credential is on the block list; ask the operator.",
        "该渠道、客户或凭证已被列入黑名单，请联系运营方。",
    ),
    Code.CHALLENGE_REQUIRED: (
        HTTPStatus.FORBIDDEN,
        "Fetch a challenge from /h5/challenge, and send it with its answer in X-Challenge and X-Challenge-Answer.",
        "请先获取并完成页面验证，再提交申请。",
    ),
    Code.QUOTA_EXCEEDED: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "The quota of valuations is used up; try again after Retry-After seconds.",
        "估值次数已达上限，请按 Retry-After 指示的秒数后再试。",
    ),
    Code.OVERLOADED: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "More is asked at the moment than can be answered; try again after Retry-After seconds.",
        "当前请求过多，请按 Retry-After 指示的秒数后重试。",
    ),
    Code.RATE_LIMITED: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests on this channel; try again after Retry-After seconds.",
        "该渠道请求过于频繁，请按 Retry-After 指示的秒数后重试。",
    ),
    Code.TOO_MANY_STREAMS: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many event streams are open; close one, or look at the valuation itself after Retry-After seconds.",
        "同时打开的事件流过多，请关闭部分事件流，或按 Retry-After 指示的秒数后直接查询该笔估值。",
    ),
    Code.TOO_MANY_TRANSFERS: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many files are being sent or fetched on this channel; try again after Retry-After seconds.",
        "该渠道同时上传或下载的文件过多，请按 Retry-After 指示的秒数后重试。",
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
    Code.BATCH_UNAVAILABLE: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Jobs cannot be handled now; nothing is lost, send it again after Retry-After seconds.",
        "批量服务暂不可用，已提交的作业不受影响，请按 Retry-After 指示的秒数后重试。",
    ),
    Code.DRAINING: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "This instance is ending; connect anew after Retry-After seconds, another one answers.",
        "该实例正在停止服务，请按 Retry-After 指示的秒数后重新连接。",
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
            headers["WWW-Authenticate"] = 'Bearer realm="valuations", ApiKey realm="valuations"'
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
        "code": {"type": "string", "enum": sorted({*map(str, Code), *OF_JOBS})},
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
