"""The whole process on a real broker and database, with the example of a credit system at the other end."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consumers.callbacks import endpoints, loop, resending
from consumers.callbacks.endpoints import Endpoint, Mode
from consumers.callbacks.loop import Webhooks
from consumers.callbacks.resending import Selection
from consumers.callbacks.signing import Secret, secret_of
from consumers.callbacks.targets import TargetRules, networks_of
from consumers.callbacks.webhook import Limits, client
from infra.kafka.producer import Record
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from schemas.catalogue import BANK_ANSWERS, RECEIPTS, REPORTS, RESULTS
from schemas.codes import Lane, Status
from schemas.events import Delivered, Receipted
from schemas.registry import CatalogueRegistry
from tests.fakes.answers import CODEC, a_report, a_request, an_answer, as_message
from tests.fakes.bank import Bank
from tests.fakes.loops import eventually, everything_on, publishing, running

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "credit_system" / "credit_system.py"
PDF = b"%PDF-1.7 report"
REQUEST = a_request(business_ref="BR-77", embed_target="slip")
RECEIPT_SCHEMA = CatalogueRegistry().id_of(Receipted)


@pytest.fixture
def copies(topics):
    return {topic: topics.like(topic, partitions=2) for topic in loop.TOPICS}


@pytest.fixture
def answers(topics):
    return {"CREDIT_MGMT": topics.like(BANK_ANSWERS["CREDIT_MGMT"], partitions=1)}


@pytest.fixture
def publisher(bootstrap):
    with publishing(bootstrap) as publisher:
        yield publisher


@pytest.fixture
def callbacks(postgres, bootstrap, publisher, topics, copies, answers):
    migrate(postgres, room=loop.ROOM)
    return partial(
        _run,
        dsn=postgres,
        kafka=client_conf(bootstrap),
        publisher=publisher,
        codec=CODEC,
        clock=lambda: datetime.now(UTC),
        webhooks=Webhooks(
            open_client=lambda: client(Limits()),
            rules=TargetRules(networks=networks_of(["127.0.0.0/8"]), allow_http=True),
        ),
        keep_file=lambda _name, _content: None,
        topics=list(copies.values()),
        answers=answers,
        receipts=copies[RECEIPTS],
        dead_letters=topics("dead-letters"),
    )


def _run(stop, **wiring) -> None:
    loop.run(stop=stop, **wiring)


def register(dsn, mode, url="", secret="") -> None:
    with connect(dsn, room=loop.ROOM) as connection:
        now = datetime.now(UTC)
        secrets = (Secret(secret=secret),) if secret else ()
        endpoint = Endpoint(channel="CREDIT_MGMT", mode=mode, changed_at=now, url=url, secrets=secrets)
        endpoints.put(connection, endpoint, now)


def statuses(dsn):
    with connect(dsn, room=loop.ROOM) as connection:
        return [row["status"] for row in resending.found(connection, Selection())]


def records(copies, *events):
    made = []
    for event in events:
        key, value, headers = as_message(event)
        topic = copies[REPORTS if hasattr(event, "report_no") else RESULTS]
        made.append(Record(topic=topic.named(Lane.ONLINE), key=key, value=value, headers=headers))
    return made


@contextmanager
def a_gateway():
    """Gives every report's PDF to whoever has the code and the key."""

    class Reports(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.path.endswith("?code=K7Q2") and self.headers["X-API-Key"] == "key"
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Length", str(len(PDF) if is_known else 0))
            self.end_headers()
            if is_known:
                self.wfile.write(PDF)

        def log_message(self, *_) -> None:
            """Say nothing."""

    with closing(ThreadingHTTPServer(("127.0.0.1", 0), Reports)) as server:
        server.close = server.server_close
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def credit_system(bootstrap, folder, gateway, answers, copies, *, deliveries):
    command = [
        sys.executable, str(EXAMPLE), "--bootstrap", bootstrap, "--database", str(folder / "credit.db"),
        "--gateway", gateway, "--api-key", "key", "--topic", answers["CREDIT_MGMT"].named(),
        "--receipts-topic", copies[RECEIPTS].named(), "--receipt-schema-id", str(RECEIPT_SCHEMA),
        "--group", answers["CREDIT_MGMT"].named(), "--stop-after", str(deliveries),
    ]  # fmt: skip
    # an empty folder as working directory: nothing of ours can be imported by chance
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.requirement("RS1", "RS2")
def test_the_credit_system_stores_each_result_once_embeds_its_report_and_acknowledges(
    callbacks, copies, answers, bootstrap, postgres, tmp_path
):
    register(postgres, Mode.TOPIC_WITH_RECEIPT)
    publisher = callbacks.keywords["publisher"]
    events = [
        an_answer(REQUEST, business_ref="BR-77"),
        a_report(REQUEST, PDF, business_ref="BR-77", embed_target="slip"),
    ]
    with running(callbacks), a_gateway() as gateway:
        publisher.publish(records(copies, *events, *events))
        said = credit_system(bootstrap, tmp_path, gateway, answers, copies, deliveries=2)
        assert [line["stored"] for line in said] == [True, True]
        eventually(lambda: statuses(postgres) == ["ACKNOWLEDGED", "ACKNOWLEDGED"])
        with connect(postgres, room=loop.ROOM) as connection:
            rows = resending.found(connection, Selection())
            resending.send_again(connection, [row["delivery_id"] for row in rows], datetime.now(UTC))
        credit_system(bootstrap, tmp_path, gateway, answers, copies, deliveries=2)
        eventually(lambda: statuses(postgres) == ["ACKNOWLEDGED", "ACKNOWLEDGED"])
    assert {row["embedded_at"] for row in rows} == {None, "BR-77/slip"}
    with closing(sqlite3.connect(tmp_path / "credit.db")) as database:
        assert database.execute("select business_ref, value, is_final from valuation").fetchall() == [
            ("BR-77", 4_475_000, 1)
        ]
        assert database.execute("select embed_target, content, is_void from report").fetchall() == [("slip", PDF, 0)]
    assert len(everything_on(bootstrap, answers["CREDIT_MGMT"].named())) == 4  # two events, each sent again once


@pytest.mark.requirement("RS2", "RS4")
def test_topic_and_webhook_say_the_same_and_a_receipt_of_the_request_comes_first(
    callbacks, copies, answers, publisher, bootstrap, postgres
):
    secret = secret_of(b"s" * 32)
    with Bank(secret) as bank:
        register(postgres, Mode.WEBHOOK, bank.url, secret)
        with running(callbacks):
            publisher.publish(records(copies, an_answer(REQUEST, Status.RECEIVED), an_answer(REQUEST)))
            eventually(lambda: statuses(postgres) == ["ACKNOWLEDGED", "ACKNOWLEDGED"])
            eventually(lambda: len(everything_on(bootstrap, answers["CREDIT_MGMT"].named())) == 2)
    told = [
        CODEC.decode(message.value(), Delivered) for message in everything_on(bootstrap, answers["CREDIT_MGMT"].named())
    ]
    assert [json.loads(one.body) for one in told] == list(bank.stored.values())
    assert [body["data"]["status"] for body in bank.stored.values()] == ["RECEIVED", "COMPLETED_AUTO"]
    assert bank.badly_signed == 0


def test_the_example_imports_nothing_of_ours_and_knows_the_receipt_s_schema():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert not [room for room in ("schemas", "infra", "producers", "streams", "consumers") if f"from {room}" in text]
    assert f'"--receipt-schema-id", type=int, default={RECEIPT_SCHEMA},' in text
