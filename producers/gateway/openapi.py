"""The published description of the interface: shapes, examples and refusals that every path shares.

Bodies are read and answers are written by hand, strictly; what is said of them here is checked by walking the whole
interface by its own description (`tests/integration/gateway/test_openapi.py`).
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from producers.gateway import problems
from producers.gateway.openapi_answers import ANSWERS

Responses = dict[int | str, dict[str, Any]]

_PROBLEM: Final[dict[str, Any]] = {"$ref": "#/components/schemas/Problem"}
_TEXTS: Final = {
    400: "The body is no JSON",
    401: "No valid credential",
    403: "Not open to this channel or credential",
    404: "Unknown, another channel's, or not there yet",
    405: "The address does not answer that method",
    409: "It does not fit what stands",
    413: "Too large",
    415: "Another media type",
    422: "Fields are wrong; each is named",
    429: "Too often, or over the quota",
    500: "A fault on our side",
    503: "Not now; `Retry-After` says when",
}
READING: Final = (401, 403, 404, 422, 429, 503)
WRITING: Final = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_DESCRIBED_BY_HEADER: Final = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}


def problems_of(statuses: Iterable[int]) -> Responses:
    """Refusals with these statuses, as RFC 9457 documents."""
    return {
        status: {
            "description": _TEXTS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM}},
            **({"headers": _DESCRIBED_BY_HEADER} if status in {429, 503} else {}),
        }
        for status in statuses
    }


def answers(of: str, by_status: dict[int, str]) -> Responses:
    """Answers with a shape of `openapi_answers`, by status with a description each."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{of}"}}}
    return {status: {"description": text, "content": content} for status, text in by_status.items()}


def files(description: str, *media_types: str) -> Responses:
    """A file as the answer."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": description, "content": dict.fromkeys(media_types, binary)}}


def body_of(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What a path takes as JSON, for `openapi_extra`: the routes read the bytes themselves."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.model_config['title']}"}}}
    return {"requestBody": {"required": required, "content": content}}


def publish(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> None:
    """Let `app` describe itself with all shapes. Made once, when somebody first asks."""
    made: list[dict[str, Any]] = []

    def described() -> dict[str, Any]:
        if not made:
            made.append(_document(app, bodies))
        return made[0]

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _document(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    shapes = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        shapes.pop(unused, None)
    shapes |= {"Problem": problems.SCHEMA, **ANSWERS}
    for model in bodies:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        shapes |= schema.pop("$defs", {})
        shapes[schema["title"]] = schema
    for path in document["paths"].values():
        for operation in path.values():
            _without_framework_words(operation)
    return document


def _without_framework_words(operation: dict[str, Any]) -> None:
    """FastAPI promises a 422 of its own form wherever there are parameters; ours is a problem document."""
    refusal = operation["responses"].get(str(HTTPStatus.UNPROCESSABLE_ENTITY.value), {})
    if "application/json" in refusal.get("content", {}):
        operation["responses"]["422"] = problems_of([422])[422]
