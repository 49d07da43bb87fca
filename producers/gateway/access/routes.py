"""Where tokens are fetched: for bank systems, for their customers' pages, and challenges for anonymous visitors."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Cookie, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from producers.gateway.access.access import PAGE_TOKEN_LIVES, Access
from producers.gateway.access.caller import Caller
from producers.gateway.access.clients import GrantRefusedError, Refused, authenticated, granted
from producers.gateway.http import json_body
from producers.gateway.problems import SCHEMA, Code, ProblemError
from producers.gateway.request_body import refused
from schemas.domain.channels import Scope
from schemas.domain.masking import is_mobile_number
from schemas.events import Problem

_NO_STORE: Final = {"Cache-Control": "no-store"}
_VISITOR: Final = "visitor"
_VISIT_S: Final = 3600  # as long as the longest window a visitor's quota is counted over
_MARK: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MAX_FORM_BYTES: Final = 16 * 1024
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string", "format": "password"},
                        "scope": {"type": "string", "description": "Space-separated; all that the client may have."},
                    },
                }
            }
        },
    }
}
_PROBLEM: Final[dict[str, Any]] = {"content": {"application/problem+json": {"schema": SCHEMA}}}
_REFUSED: Final[dict[str, Any]] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"type": "string", "enum": [str(code) for code in Refused]},
                    "error_description": {"type": "string"},
                },
            }
        }
    }
}


class PageTokenBody(BaseModel):
    """For whose page a token is."""

    model_config = ConfigDict(extra="forbid", strict=True, title="PageTokenRequest")

    subject_token: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Opaque reference of the customer; never a name or number of theirs."
    )


class PageToken(BaseModel):
    """A page token and for how many seconds it is good."""

    token: str
    expires_in: int


def _json_of(model: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def access_routes(access: Access) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["access"])

    @router.post(
        "/oauth/token",
        summary="A token for a bank system (client credentials)",
        responses={400: {"description": "RFC 6749 §5.2", **_REFUSED}, 401: {"description": "Wrong client", **_REFUSED}},
        openapi_extra=_FORM,
    )
    async def token(request: Request, authorization: Annotated[str | None, Header()] = None) -> JSONResponse:
        """OAuth 2.0, RFC 6749 §4.4; the secret in the form or by Basic authentication."""
        request.state.actor = "-"
        try:
            form = await _form(request)
            client = authenticated(form, authorization, access.clients)
            request.state.actor = client.name
            answer = granted(client, form, tokens=access.tokens, now=access.clock())
        except GrantRefusedError as refusal:
            return _refusal(refusal)
        return JSONResponse(answer, headers={**_NO_STORE, "Pragma": "no-cache"})

    @router.get("/.well-known/jwks.json", summary="Public keys of our tokens")
    async def jwks() -> JSONResponse:
        """JWKS, RFC 7517."""
        return JSONResponse(access.tokens.public(), headers={"Cache-Control": "public, max-age=300"})

    @router.post(
        "/v1/page-tokens",
        summary="A token for the page of one customer",
        responses={200: {"model": PageToken}, **dict.fromkeys((400, 401, 403, 413, 415, 422, 429, 503), _PROBLEM)},
        openapi_extra=_json_of(PageTokenBody),
    )
    async def page_token(
        request: Request, caller: Annotated[Caller, Depends(access.with_credentials(Scope.PAGE_TOKENS_WRITE))]
    ) -> JSONResponse:
        """For channels with customers: put it into the link to the page; good for half an hour."""
        subject = _page_token_body(await json_body(request)).subject_token
        issued = {"token": access.page_token(caller, subject), "expires_in": int(PAGE_TOKEN_LIVES.total_seconds())}
        return JSONResponse(issued, headers=_NO_STORE)

    @router.get("/h5/challenge", include_in_schema=False)
    async def challenge(request: Request, visitor: Annotated[str | None, Cookie()] = None) -> JSONResponse:
        """A little work for a page without a token, before each request."""
        access.limit_visitor(request)
        made = access.challenge(visitor if visitor and _MARK.fullmatch(visitor) else None)
        response = JSONResponse({"token": made.token, "difficulty": made.difficulty}, headers=_NO_STORE)
        response.set_cookie(
            _VISITOR,
            made.visitor,
            max_age=_VISIT_S,
            path="/h5",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    return router


def _page_token_body(body: bytes) -> PageTokenBody:
    try:
        read = PageTokenBody.model_validate_json(body)
    except ValidationError as error:
        raise refused(error) from None
    if is_mobile_number(read.subject_token):
        person = Problem(
            field="subject_token", code="FIELD_INVALID", message="不得使用手机号码，请改用不含个人信息的客户标识。"
        )
        raise ProblemError(Code.INVALID_REQUEST, problems=[person])
    return read


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; each may stand there once (RFC 6749 §3.2). Raises `GrantRefusedError`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise GrantRefusedError(Refused.INVALID_REQUEST, "send a form (application/x-www-form-urlencoded)")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise GrantRefusedError(Refused.INVALID_REQUEST, "the form is too long")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20)
    except (UnicodeError, ValueError):
        raise GrantRefusedError(Refused.INVALID_REQUEST, "the form cannot be read") from None
    if len({name for name, _ in fields}) < len(fields):
        raise GrantRefusedError(Refused.INVALID_REQUEST, "a field stands there twice")
    return dict(fields)


def _refusal(refused: GrantRefusedError) -> JSONResponse:
    is_client = refused.code is Refused.INVALID_CLIENT
    headers = {**_NO_STORE, **({"WWW-Authenticate": 'Basic realm="valuations"'} if is_client else {})}
    body = {"error": str(refused.code), "error_description": refused.description}
    return JSONResponse(body, HTTPStatus.UNAUTHORIZED if is_client else HTTPStatus.BAD_REQUEST, headers=headers)
