"""How the JSON interface says no: one form for every subject, in Chinese, with what a program needs to go on."""

from dataclasses import asdict

import psycopg
from fastapi import FastAPI, Request, status
from fastapi.responses import JSONResponse

from consumers.review_desk.deciding.decision import IncompleteDecisionError
from consumers.review_desk.task import NotAllowedError, TaskUnavailableError


def add_refusals(app: FastAPI) -> None:
    """Turn the refusals of the services into answers."""

    @app.exception_handler(TaskUnavailableError)
    def unavailable(_request: Request, error: TaskUnavailableError) -> JSONResponse:
        code = status.HTTP_404_NOT_FOUND if error.current is None else status.HTTP_409_CONFLICT
        state = None if error.current is None else error.current.state
        version = None if error.current is None else error.current.version
        return JSONResponse({"detail": error.why, "state": state, "version": version}, code)

    @app.exception_handler(NotAllowedError)
    def not_allowed(_request: Request, error: NotAllowedError) -> JSONResponse:
        return JSONResponse({"detail": error.why}, status.HTTP_403_FORBIDDEN)

    @app.exception_handler(IncompleteDecisionError)
    def incomplete(_request: Request, error: IncompleteDecisionError) -> JSONResponse:
        body = {"detail": "决定不完整", "violations": [asdict(violation) for violation in error.violations]}
        return JSONResponse(body, status.HTTP_422_UNPROCESSABLE_CONTENT)

    @app.exception_handler(psycopg.OperationalError)
    def away(_request: Request, _error: psycopg.OperationalError) -> JSONResponse:
        body = {"detail": "数据库暂不可用，请稍后再试"}
        return JSONResponse(body, status.HTTP_503_SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})
