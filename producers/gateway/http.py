"""Small pieces of HTTP: a bounded body, the wait a caller prefers, answers as JSON."""

import re
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from producers.gateway.problems import Code, ProblemError
from schemas.domain.channels import UNSERVED_TEXT
from schemas.events import Problem

MAX_BODY_BYTES = 64 * 1024
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)


async def json_body(request: Request) -> bytes:
    """The body of a JSON request.

    Raises:
        ProblemError: UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE (without reading what is beyond the limit).
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if media_type.strip().lower() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        raise ProblemError(Code.UNSUPPORTED_MEDIA_TYPE, problems=_of_medium(media_type))
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise ProblemError(Code.BODY_TOO_LARGE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProblemError(Code.BODY_TOO_LARGE)
    return bytes(body)


def _of_medium(media_type: str) -> tuple[Problem, ...]:
    """A word more for who sends a fax, a multimedia message or a film."""
    if media_type.strip().partition("/")[0].lower() not in {"image", "video", "audio", "multipart"}:
        return ()
    return (Problem(field="Content-Type", code="MEDIUM_NOT_SERVED", message=UNSERVED_TEXT),)


def preferred_wait_s(prefer: str | None, longest_s: float) -> float:
    """Seconds from `Prefer: wait=N` (RFC 7240), at most `longest_s`, which is also the default."""
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), longest_s) if found else longest_s


def problem_response(problem: ProblemError) -> JSONResponse:
    """The problem as an answer."""
    return JSONResponse(problem.document(), problem.status, headers=problem.headers())


def answer(body: dict[str, Any], *, status: int, location: str | None = None) -> JSONResponse:
    """A valuation as an answer; `location` is where to look again."""
    headers = {"Cache-Control": "no-store", "X-Valuation-Id": str(body["valuation_id"])}
    if location is not None:
        headers["Location"] = location
        headers["Retry-After"] = "2"
    return JSONResponse(body, status, headers=headers)
