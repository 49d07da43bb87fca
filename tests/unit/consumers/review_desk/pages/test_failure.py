"""A fault is told by a number that the log has, too, and by nothing else."""

import logging
import traceback
import uuid

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from consumers.review_desk.pages.failure import Failures

_ID = uuid.UUID("3f9a02bc-0000-4000-8000-000000000000")


@pytest.fixture
def client():
    app = FastAPI()
    app.add_exception_handler(Exception, Failures(lambda: _ID).answer)

    @app.get("/{path:path}")
    def broken(path: str) -> None:
        raise ValueError(f"select secret from {path}")

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/pool", "/api/tasks"])
def test_a_fault_is_answered_in_chinese_with_its_number_and_without_what_broke(client, caplog, path):
    with caplog.at_level(logging.ERROR):
        answer = client.get(path)
    assert answer.status_code == 500
    assert "系统出错" in answer.text
    assert "3F9A02BC" in answer.text
    assert "secret" not in answer.text
    assert "3F9A02BC" in [getattr(record, "error_number", None) for record in caplog.records]


def test_a_page_leads_back_and_the_interface_answers_in_json(client):
    assert 'href="/"' in client.get("/pool").text
    assert "3F9A02BC" in client.get("/api/tasks").json()["detail"]


def test_a_fault_keeps_its_number_and_carries_it_into_every_traceback():
    numbers = iter((_ID, uuid.uuid4()))
    failures = Failures(lambda: next(numbers))
    error = ValueError("broken")
    assert failures.number_of(error) == failures.number_of(error) == "3F9A02BC"
    assert "error number 3F9A02BC" in "".join(traceback.format_exception(error))
