"""From `avm access block` to the door that stays shut."""

import json
from dataclasses import replace

import httpx
import pytest

from infra.cli import main
from infra.cli.gateway_access import pool_of, store_of
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from infra.settings import Settings
from producers.gateway.access.caller import hashed
from producers.gateway.access.memory import Memory
from producers.gateway.access.postgres import ROOM, PostgresAccess
from producers.gateway.access.tls import CLIENT_CERTIFICATE
from producers.gateway.app import build
from schemas.codes import Status
from tests.fakes.answers import an_answer
from tests.fakes.gateway import KEYS, a_house

pytestmark = pytest.mark.postgres

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50"}
PATIENT_S = 300.0  # what is tested is what is answered, not how soon
KEY_NAME = hashed(KEYS["APP"])[:12]


@pytest.fixture
def avm(postgres, monkeypatch, capsys):
    migrate(postgres, room=ROOM)
    monkeypatch.setenv("AVM_POSTGRES__DSN", postgres)
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", "127.0.0.1:1")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["access", *arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out + told.err

    return run


def a_house_with(store, *, certificates=None):
    """A house whose doors know the block list."""
    house = a_house(pipeline=lambda requested: [an_answer(requested, Status.RECEIVED), an_answer(requested)])
    memory = Memory(store=store, monotonic_s=lambda: 0.0, within_s=PATIENT_S)
    credentials = replace(house.access.credentials, certificates=certificates or {})
    access = replace(house.access, memory=memory, credentials=credentials)
    house.app = build(replace(house.parts, access=access, typing=access))
    return house


async def statuses(store):
    """What becomes of a request by channel and customer, at an instance that has just started."""
    house = a_house_with(store)
    found = {}
    for number, (code, subject) in enumerate((("NET_BANK", "one"), ("NET_BANK", "two"), ("APP", "one"))):
        body = {**GOOD, "client_request_id": f"r-{number}", "subject_token": subject}
        async with house.client(code) as client:
            response = await client.post("/v1/valuations", json=body)
        found[code, subject] = response.json().get("code", response.status_code)
    return found


@pytest.mark.requirement("IN5")
async def test_channels_customers_and_credentials_are_kept_out_until_they_are_let_in_again(avm):
    pool = pool_of(Settings())
    store = store_of(Settings(), pool, within_s=PATIENT_S)
    in_all = {("NET_BANK", "one"): 200, ("NET_BANK", "two"): 200, ("APP", "one"): 200}
    try:
        assert await statuses(store) == in_all
        assert avm("block", "NET_BANK", "--subject", "one", "--reason", "爬取", "--by", "ops-1")[0] == 0
        assert avm("block", "APP", "--credential", KEY_NAME, "--reason", "密钥泄露", "--by", "ops-1")[0] == 0
        assert await statuses(store) == {**in_all, ("NET_BANK", "one"): "blocked", ("APP", "one"): "blocked"}
        assert avm("block", "NET_BANK", "--reason", "停用", "--by", "ops-1")[0] == 0
        assert set((await statuses(store)).values()) == {"blocked"}
        listed = json.loads(avm("blocked", "--json")[1])
        assert {one["what"].partition(":")[0] for one in listed} == {"channel", "subject", "credential"}
        assert "one" not in {one["what"].rpartition(":")[2] for one in listed}
        for what in (("NET_BANK",), ("NET_BANK", "--subject", "one"), ("APP", "--credential", f"APP/{KEY_NAME}")):
            assert avm("unblock", *what, "--reason", "已改正", "--by", "ops-2")[0] == 0
        assert await statuses(store) == in_all
        assert "Nothing is blocked" in avm("blocked")[1]
        history = avm("blocked", "--history")[1]
        assert (history.count("ops-1"), history.count("ops-2  已改正")) == (3, 3)
    finally:
        pool.close()


FINGERPRINT = "ab" * 32


@pytest.mark.requirement("IN5", "IN7")
@pytest.mark.parametrize("registered", [{FINGERPRINT: "CREDIT_MGMT"}, {}])
async def test_a_blocked_certificate_stays_out_whatever_else_it_brings(avm, registered):
    assert avm("block", "CREDIT_MGMT", "--credential", f"tls:{FINGERPRINT[:12]}", "--reason", "丢失")[0] == 0
    with open_pool(Settings().postgres.dsn.get_secret_value(), room=ROOM) as pool:
        house = a_house_with(PostgresAccess(pool, lambda: None, within_s=PATIENT_S), certificates=registered)

        async def with_certificate(scope, receive, send):
            scope[CLIENT_CERTIFICATE] = FINGERPRINT
            await house.app(scope, receive, send)

        key = {"X-API-Key": KEYS["CREDIT_MGMT"]}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(with_certificate), base_url="https://gateway"
        ) as client:
            refused = await client.get("/v1/valuations/1", headers=key)
        async with house.client("CREDIT_MGMT") as client:
            other = await client.get("/v1/valuations/1")
    assert (refused.status_code, refused.json()["code"]) == (403, "blocked")
    assert other.status_code == 404


@pytest.mark.requirement("IN5")
async def test_reports_are_still_checked_while_the_website_is_blocked(avm):
    assert avm("block", "WEBSITE", "--reason", "爬取")[0] == 0
    with open_pool(Settings().postgres.dsn.get_secret_value(), room=ROOM) as pool:
        house = a_house_with(PostgresAccess(pool, lambda: None, within_s=PATIENT_S))
        async with house.client(None) as client:
            asked = await client.get("/h5/valuations/1")
            checked = await client.get("/verify/FG-1", params={"code": "x"})
    assert asked.json()["code"] == "blocked"
    assert (checked.status_code, checked.headers["content-type"].partition(";")[0]) == (404, "text/html")


def test_what_cannot_be_blocked_or_unblocked_is_said(avm):
    assert avm("unblock", "NET_BANK", "--reason", "x") == (
        1,
        "avm access: channel:NET_BANK is not blocked; `avm access blocked` lists what is\n",
    )
    assert "--reason" in avm("unblock", "NET_BANK")[1]
    assert "--reason is empty" in avm("block", "NET_BANK", "--reason", " ")[1]
    assert "不受理传真" in avm("block", "FAX", "--reason", "x")[1]
    assert "not both" in avm("block", "APP", "--subject", "a", "--credential", "b", "--reason", "x")[1]


def test_a_pool_without_a_database_is_none(monkeypatch):
    monkeypatch.delenv("AVM_POSTGRES__DSN", raising=False)
    assert pool_of(Settings()) is None
