"""What a batch job is refused for, as RFC 9457 problem details with stable codes, in English and Chinese."""

from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

MEDIA_TYPE: Final = "application/problem+json"


class Code(StrEnum):
    """Stable: programs branch on them."""

    INVALID_FILE = "invalid-file"
    CHECKSUM_MISMATCH = "checksum-mismatch"
    COUNT_MISMATCH = "count-mismatch"
    INVALID_REQUEST = "invalid-request"
    BODY_TOO_LARGE = "body-too-large"
    CHANNEL_MAY_NOT = "channel-may-not"
    TOO_MANY_JOBS = "too-many-jobs"
    TOO_MANY_UPLOADS = "too-many-uploads"
    JOB_ID_TAKEN = "job-id-taken"
    OTHER_ORDER = "other-order"
    NOT_POSSIBLE = "not-possible"
    NOT_FOUND = "not-found"
    UNAVAILABLE = "unavailable"


_KNOWN: Final[dict[Code, tuple[HTTPStatus, str]]] = {
    Code.INVALID_FILE: (HTTPStatus.UNPROCESSABLE_ENTITY, "文件无法受理，请检查格式、表头及必填列（地址、建筑面积）。"),
    Code.CHECKSUM_MISMATCH: (HTTPStatus.UNPROCESSABLE_ENTITY, "文件校验和不符，整批未受理，请重新上传完整文件。"),
    Code.COUNT_MISMATCH: (HTTPStatus.UNPROCESSABLE_ENTITY, "文件行数与声明的笔数不符，整批未受理，请核对后重新上传。"),
    Code.INVALID_REQUEST: (HTTPStatus.UNPROCESSABLE_ENTITY, "作业参数有误，整批未受理。"),
    Code.BODY_TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "文件过大，请拆分后分批上传。"),
    Code.CHANNEL_MAY_NOT: (HTTPStatus.FORBIDDEN, "该渠道不能提交批量作业。"),
    Code.TOO_MANY_JOBS: (HTTPStatus.CONFLICT, "该渠道未完成的作业已达上限，请等待其完成或撤销后再提交。"),
    Code.TOO_MANY_UPLOADS: (HTTPStatus.TOO_MANY_REQUESTS, "正在受理其他文件，请稍后重新上传。"),
    Code.OTHER_ORDER: (HTTPStatus.CONFLICT, "该文件已受理，但作业参数不同；如需按新参数重新估值，请另设作业编号。"),
    Code.JOB_ID_TAKEN: (HTTPStatus.CONFLICT, "该作业编号已用于其他文件，请更换作业编号。"),
    Code.NOT_POSSIBLE: (HTTPStatus.CONFLICT, "作业当前状态不允许此操作。"),
    Code.NOT_FOUND: (HTTPStatus.NOT_FOUND, "未找到该作业。"),
    Code.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "批量服务暂时不可用，请稍后用同一文件重试，不会重复估值。"),
}


class JobRefusedError(Exception):
    """A job as a whole is refused, or what is asked of it. The message says why and what to do."""

    def __init__(self, code: Code, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the code."""
        return int(_KNOWN[self.code][0])

    def document(self) -> dict[str, Any]:
        """The body: RFC 9457 members, `code`, and the same in Chinese."""
        status, detail_zh = _KNOWN[self.code]
        return {
            "type": f"urn:house-valuation:problem:{self.code}",
            "title": status.phrase,
            "status": int(status),
            "code": str(self.code),
            "detail": self.detail,
            "detail_zh": detail_zh,
            "problems": [],
        }
