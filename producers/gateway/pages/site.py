"""The page that asks, and the files it is made of."""

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from producers.gateway.pages.printed import code_as_printed, number_as_printed

FOLDER: Final = Path(__file__).parent
_TYPES: Final = MappingProxyType({".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"})
_VERSION_LENGTH: Final = 12  # hex digits: enough to tell releases apart

# Scripts, styles and calls from the page's own origin alone; nothing inline, nothing framed, nothing from outside.
PAGE_HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self';"
        " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "X-Content-Type-Options": "nosniff",
    }
)
_ASSET_HEADERS: Final = MappingProxyType(
    {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
)


def page_routes() -> APIRouter:
    """`/` and its files, and `/verify`, where a number and a code are typed in."""
    from producers.gateway.pages.verification import entry_page

    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse(ask_page(), headers=dict(PAGE_HEADERS))

    @router.get("/h5/assets/{version}/{name}")
    async def asset(version: str, name: str) -> Response:
        found = assets().get(name)
        if found is None or version != asset_version():
            return Response(status_code=HTTPStatus.NOT_FOUND)
        return Response(found, media_type=_TYPES[Path(name).suffix], headers=dict(_ASSET_HEADERS))

    @router.get("/verify")
    async def check(report_no: str = "", code: str = "") -> Response:
        number = number_as_printed(report_no)
        if not number:
            return HTMLResponse(entry_page(), headers=dict(PAGE_HEADERS))
        target = f"/verify/{quote(number, safe='')}?code={quote(code_as_printed(code), safe='')}"
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)

    return router


@cache
def ask_page() -> str:
    """Address and area in, a value or a range out."""
    return Template((FOLDER / "ask.html").read_text(encoding="utf-8")).substitute(assets=asset_base())


@cache
def assets() -> dict[str, bytes]:
    """The files of the page by name."""
    return {path.name: path.read_bytes() for path in sorted((FOLDER / "assets").iterdir()) if path.suffix in _TYPES}


@cache
def asset_version() -> str:
    """Of all files together: browsers may keep them for ever, and never mix two releases."""
    digest = sha256()
    for name, content in assets().items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:_VERSION_LENGTH]


def asset_base() -> str:
    """The folder under which this release's files are served."""
    return f"/h5/assets/{asset_version()}"
