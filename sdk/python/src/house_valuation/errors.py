"""What a call may end with besides its answer, by what the caller can do about it."""

from collections.abc import Mapping
from typing import Any

import httpx

from house_valuation.answers import Problem


class ServiceError(Exception):
    """The service said no. `code` is stable: programs may branch on it. `detail_zh` is for people."""

    def __init__(self, status: int, body: Mapping[str, Any], *, retry_after_s: float | None = None) -> None:
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail", f"HTTP {status}"))
        self.detail_zh = str(body.get("detail_zh", ""))
        self.problems = tuple(Problem.of(problem) for problem in body.get("problems", ()))
        self.retry_after_s = retry_after_s
        fields = "".join(f"; {problem.field}: {problem.message}" for problem in self.problems)
        super().__init__(f"{self.code}: {self.detail}{fields}")


class RefusedError(ServiceError):
    """What was sent is wrong: mend the fields that `problems` names. The same again is refused again."""


class ForbiddenError(ServiceError):
    """The credentials are missing, wrong, or not for this."""


class NotFoundError(ServiceError):
    """Unknown, another channel's, or not there yet."""


class ConflictError(ServiceError):
    """It does not fit the state of things: a number used for another request, a final answer to be cancelled."""


class UnavailableError(ServiceError):
    """The service cannot take it now, also after all tries. Send the same call again later."""


class WebhookError(Exception):
    """A webhook is not from the service, was changed on its way, or is too old: answer 400 and keep nothing of it."""


_BY_STATUS: Mapping[int, type[ServiceError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: UnavailableError,
}
_FIRST_OF_SERVER = 500


def error_of(response: httpx.Response) -> ServiceError:
    """The error that a response of 400 and more means. Its body has been read."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    kind = _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = UnavailableError if response.status_code >= _FIRST_OF_SERVER else RefusedError
    return kind(response.status_code, body if isinstance(body, Mapping) else {}, retry_after_s=retry_after_s(response))


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds the service asks to wait; `None` where it says nothing of the kind."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
