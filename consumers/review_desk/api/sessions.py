"""`/api/login`, `/api/logout`, `/api/session`: sessions by JSON. The token goes as `Authorization: Bearer …`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from consumers.review_desk.people.access import RIGHTS
from consumers.review_desk.people.accounts import Accounts, LogInRefusedError
from consumers.review_desk.people.guard import token_of

if TYPE_CHECKING:
    from consumers.review_desk.people.staff import Person


class Login(BaseModel):
    """User and password of a local account."""

    username: str = Field(max_length=100)
    password: str = Field(max_length=200)


def add_sessions_api(
    app: FastAPI, accounts: Accounts, session_of_page: Callable[[str], str | None] = lambda _: None
) -> None:
    """Add the interface to an application; `session_of_page` as the guard has it."""
    router = APIRouter(prefix="/api")

    @router.post("/login")
    def log_in(login: Login, request: Request) -> dict[str, str]:
        return {"token": accounts.log_in(login.username, login.password, address=address_of(request))}

    @router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
    def log_out(request: Request) -> None:
        accounts.log_out(token_of(request.headers))

    @router.get("/session")
    def session(request: Request, page: str = "") -> dict[str, Any]:
        """Who is logged in, and what they may do; of a `page`, by its id, whether it is this session's."""
        person: Person = request.state.person
        owner = session_of_page(page)
        permissions = frozenset[str]().union(*(RIGHTS[role] for role in person.roles))
        return {
            "username": person.username,
            "name": person.name,
            "grade": person.grade,
            "roles": sorted(person.roles),
            "permissions": sorted(permissions),
            "is_page_of_session": owner is None or owner == request.state.session,
        }

    @app.exception_handler(LogInRefusedError)
    def refused(_request: Request, error: LogInRefusedError) -> JSONResponse:
        return JSONResponse({"detail": error.why}, code_of(error), headers=retry_of(error))

    app.include_router(router)


def address_of(request: Request) -> str:
    """Return where a request comes from; behind a proxy the server in front must be trusted to say it."""
    return "" if request.client is None else request.client.host


def code_of(error: LogInRefusedError) -> int:
    """401, or 429 when it is not the password but the number of attempts."""
    return status.HTTP_429_TOO_MANY_REQUESTS if error.wait_s else status.HTTP_401_UNAUTHORIZED


def retry_of(error: LogInRefusedError) -> dict[str, str]:
    """Return the header that names the wait."""
    return {"Retry-After": str(error.wait_s)} if error.wait_s else {}
