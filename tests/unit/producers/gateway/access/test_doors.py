"""Who comes in and who does not, at an application that has the doors and little else."""

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from producers.gateway.access.access import Access
from producers.gateway.access.api_keys import ApiKey
from producers.gateway.access.caller import Caller, hashed
from producers.gateway.access.challenges import solved
from producers.gateway.access.clients import Client
from producers.gateway.access.rate_limit import Rate, RateLimits
from producers.gateway.access.routes import access_routes
from producers.gateway.access.shedding import Capacity
from producers.gateway.access.signatures import Signed, signature
from producers.gateway.access.signed_bodies import SignedBodies
from producers.gateway.access.tls import CLIENT_CERTIFICATE
from producers.gateway.http import problem_response
from producers.gateway.problems import ProblemError
from schemas.domain.channels import Scope
from tests.fakes.access import ISSUER, an_access, token_keys
from tests.fakes.answers import NOON

KEYS = {"CREDIT_MGMT": "key-of-credit", "NET_BANK": "key-of-net-bank"}
SIGNING = ApiKey(digest=hashed("signing-key"), channel="CREDIT_MGMT", secret="the-secret")
CLIENT = Client(client_id="credit-1", channel="CREDIT_MGMT", secret_sha256=hashed("client-secret"))
NARROW = Client(
    client_id="credit-2",
    channel="CREDIT_MGMT",
    secret_sha256=hashed("client-secret"),
    scopes=frozenset({"valuations:read"}),
)
CERTIFICATE = "ab" * 32


@dataclass
class House:
    access: Access
    app: FastAPI
    seconds: list[float] = field(default_factory=lambda: [0.0])

    def client(self, *, certificate: str | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
        async def seen(scope, receive, send):
            if certificate is not None:
                scope[CLIENT_CERTIFICATE] = certificate
            await self.app(scope, receive, send)

        transport = httpx.ASGITransport(seen, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="https://gateway")


def a_house(**turned) -> House:
    seconds = [0.0]
    access = an_access(
        KEYS,
        clock=lambda: NOON + timedelta(seconds=seconds[0]),
        monotonic_s=lambda: seconds[0],
        signed=[SIGNING],
        clients=[CLIENT, NARROW],
        certificates={CERTIFICATE: "NET_BANK"},
        **turned,
    )
    app = FastAPI()
    app.add_middleware(SignedBodies)
    app.include_router(access_routes(access))

    @app.exception_handler(ProblemError)
    async def known(_: Request, problem: ProblemError):
        return problem_response(problem)

    @app.post("/v1/echo")
    async def echo(
        request: Request, caller: Annotated[Caller, Depends(access.with_credentials(Scope.VALUATIONS_WRITE))]
    ):
        body = b"".join([piece async for piece in request.stream()])
        return {"channel": caller.channel.code, "credential": caller.credential, "bytes": len(body)}

    @app.get("/v1/timeline")
    async def timeline(caller: Annotated[Caller, Depends(access.with_credentials(Scope.TIMELINE_READ))]):
        return {"channel": caller.channel.code}

    @app.post("/h5/valuations")
    async def ask(caller: Annotated[Caller, Depends(access.for_page(Scope.VALUATIONS_WRITE))]):
        return {"channel": caller.channel.code, "subject": caller.subject}

    @app.get("/h5/valuations/1")
    async def look(caller: Annotated[Caller, Depends(access.for_page(Scope.VALUATIONS_READ))]):
        return {"channel": caller.channel.code, "subject": caller.subject}

    @app.get("/verify/1", dependencies=[Depends(access.for_checking())])
    async def verify():
        return {}

    return House(access, app, seconds)


def signed_headers(*, method="POST", target="/v1/echo", body=b"", secret="the-secret", nonce="n" * 16, at=NOON):  # noqa: S107
    timestamp = str(int(at.timestamp()))
    signed = Signed(
        method=method, target=target, timestamp=timestamp, nonce=nonce, body_sha256=sha256(body).hexdigest()
    )
    return {
        "X-API-Key": "signing-key",
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Signature": signature(signed, secret),
    }


def problem(response):
    told = response.json()
    return (response.status_code, told["code"], *((p["field"], p["code"]) for p in told.get("problems", ())))


# ---- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN5")
async def test_a_key_lets_its_own_channel_in():
    async with a_house().client() as client:
        response = await client.post("/v1/echo", headers={"X-API-Key": "key-of-net-bank"}, content=b"12345")
    assert response.json()["channel"] == "NET_BANK"
    assert response.json()["bytes"] == 5


async def test_nothing_and_a_wrong_key_are_told_apart_and_refused():
    async with a_house().client() as client:
        assert problem(await client.post("/v1/echo")) == (401, "unauthenticated", ("X-API-Key", "MISSING"))
        wrong = await client.post("/v1/echo", headers={"X-API-Key": "other"})
        assert problem(wrong) == (401, "unauthenticated", ("X-API-Key", "WRONG"))
        assert "Bearer" in wrong.headers["WWW-Authenticate"]


@pytest.mark.requirement("IN5")
async def test_a_customer_channel_may_not_see_a_timeline_and_is_told_which_scope_is_missing():
    async with a_house().client() as client:
        response = await client.get("/v1/timeline", headers={"X-API-Key": "key-of-net-bank"})
    assert problem(response) == (403, "forbidden", ("scope", "MISSING_SCOPE"))
    assert "timeline:read" in response.json()["problems"][0]["message"]


# ---- signed requests ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN5", "IN7")
async def test_a_signed_request_comes_in_and_its_body_is_still_there_for_the_route():
    async with a_house().client() as client:
        response = await client.post("/v1/echo", content=b"{}", headers=signed_headers(body=b"{}"))
    assert (response.status_code, response.json()["bytes"]) == (200, 2)


async def test_a_signing_key_alone_is_not_enough():
    async with a_house().client() as client:
        response = await client.post("/v1/echo", headers={"X-API-Key": "signing-key"})
    missing = [(name, "MISSING") for name in ("X-Timestamp", "X-Nonce", "X-Signature")]
    assert problem(response) == (401, "unauthenticated", *missing)


@pytest.mark.requirement("IN7")
async def test_the_same_signed_request_a_second_time_is_a_replay():
    async with a_house().client() as client:
        first = await client.post("/v1/echo", headers=signed_headers())
        second = await client.post("/v1/echo", headers=signed_headers())
        other = await client.post("/v1/echo", headers=signed_headers(nonce="m" * 16))
    assert (first.status_code, other.status_code) == (200, 200)
    assert problem(second) == (401, "unauthenticated", ("X-Nonce", "REPLAYED"))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"body": b"other"}, ("X-Signature", "WRONG")),
        ({"target": "/v1/echo?a=1"}, ("X-Signature", "WRONG")),
        ({"method": "GET"}, ("X-Signature", "WRONG")),
        ({"secret": "guessed"}, ("X-Signature", "WRONG")),
        ({"nonce": "short"}, ("X-Nonce", "WRONG_FORM")),
        ({"at": NOON - timedelta(seconds=301)}, ("X-Timestamp", "OUTSIDE_WINDOW")),
        ({"at": NOON + timedelta(seconds=301)}, ("X-Timestamp", "OUTSIDE_WINDOW")),
    ],
)
async def test_a_signature_of_something_else_or_of_another_time_is_refused(changed, fault):
    async with a_house().client() as client:
        response = await client.post("/v1/echo", headers=signed_headers(**changed))
    assert problem(response) == (401, "unauthenticated", fault)


async def test_the_query_is_signed_as_it_is_sent():
    async with a_house().client() as client:
        target = "/v1/echo?name=%E6%9D%AD%E5%B7%9E&count=2"
        assert (await client.post(target, headers=signed_headers(target=target))).status_code == 200


async def test_a_long_body_is_signed_over_its_stated_hash_and_checked_while_it_streams():
    body = b"x" * 300_000

    async def pieces(content):
        for start in range(0, len(content), 70_000):
            yield content[start : start + 70_000]

    async with a_house().client() as client:
        stated = {**signed_headers(body=body), "X-Content-Sha256": sha256(body).hexdigest()}
        good = await client.post("/v1/echo", content=pieces(body), headers=stated)
        other = {**signed_headers(body=body, nonce="m" * 16), "X-Content-Sha256": sha256(body).hexdigest()}
        changed = await client.post("/v1/echo", content=pieces(body[:-1] + b"y"), headers=other)
        unstated = await client.post(
            "/v1/echo", content=pieces(body), headers=signed_headers(body=body, nonce="k" * 16)
        )
    assert good.json()["bytes"] == len(body)
    assert problem(changed) == (401, "unauthenticated", ("X-Content-Sha256", "WRONG"))
    assert problem(unstated) == (413, "body-too-large", ("X-Content-Sha256", "MISSING"))


# ---- OAuth 2.0 ----------------------------------------------------------------------------------------------------


async def fetched(client, *, scope="", client_id="credit-1"):
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "client-secret"}
    return await client.post("/oauth/token", data={**form, **({"scope": scope} if scope else {})})


@pytest.mark.requirement("IN5")
async def test_a_client_fetches_a_token_and_comes_in_with_it_until_it_expires():
    house = a_house()
    async with house.client() as client:
        response = await fetched(client)
        granted = response.json()
        assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 900)
        assert response.headers["Cache-Control"] == "no-store"
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        assert (await client.post("/v1/echo", headers=bearer)).json()["credential"] == "CREDIT_MGMT/credit-1"
        house.seconds[0] = 901.0
        late = await client.post("/v1/echo", headers=bearer)
    assert problem(late) == (401, "unauthenticated", ("Authorization", "EXPIRED"))


async def test_a_token_is_narrowed_to_what_was_asked_for():
    async with a_house().client() as client:
        granted = (await fetched(client, scope="timeline:read")).json()
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        assert granted["scope"] == "timeline:read"
        assert (await client.get("/v1/timeline", headers=bearer)).status_code == 200
        assert problem(await client.post("/v1/echo", headers=bearer))[:2] == (403, "forbidden")


async def test_the_secret_may_come_by_basic_authentication():
    async with a_house().client() as client:
        encoded = base64.b64encode(b"credit-1:client-secret").decode()
        response = await client.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {encoded}"}
        )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_id": "nobody"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"scope": "everything"}, (400, "invalid_scope")),
        ({"client_id": "credit-2", "scope": "timeline:read"}, (400, "invalid_scope")),
    ],
)
async def test_a_grant_is_refused_with_the_codes_of_the_standard(form, expected):
    good = {"grant_type": "client_credentials", "client_id": "credit-1", "client_secret": "client-secret"}
    async with a_house().client() as client:
        response = await client.post("/oauth/token", data={**good, **form})
    assert (response.status_code, response.json()["error"]) == expected
    assert ("Basic" in response.headers.get("WWW-Authenticate", "")) is (expected[0] == 401)


@pytest.mark.parametrize("body", [b"a=1&a=2", b"\xff\xfe", b"&".join(b"f%d=1" % n for n in range(30)), b"x" * 20_000])
async def test_a_form_that_cannot_be_used_is_an_invalid_request(body):
    async with a_house().client() as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        response = await client.post("/oauth/token", content=body, headers=form)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_others_can_check_our_tokens_with_the_published_keys_and_learn_no_private_one():
    from joserfc import jwt
    from joserfc.jwk import KeySet

    async with a_house().client() as client:
        published = (await client.get("/.well-known/jwks.json")).json()
        token = (await fetched(client)).json()["access_token"]
    assert jwt.decode(token, KeySet.import_key_set(published)).claims["channel"] == "CREDIT_MGMT"
    assert all("d" not in key for key in published["keys"])


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJjaGFubmVsIjoiQ1JFRElUX01HTVQifQ.", "é"])
async def test_what_is_no_token_of_ours_is_refused(token):
    async with a_house().client() as client:
        response = await client.post("/v1/echo", headers={"Authorization": f"Bearer {token}".encode()})
    assert problem(response) == (401, "unauthenticated", ("Authorization", "WRONG"))


@pytest.mark.parametrize("kid", ["theirs", None])
async def test_a_token_of_other_keys_is_none_of_ours_whatever_it_claims(kid):
    from producers.gateway.access.tokens import Audience, Tokens, new_token_keys

    (key,) = json.loads(new_token_keys())["keys"]
    ours = json.loads(token_keys())["keys"][0]["kid"]
    stranger = Tokens.of(json.dumps({"keys": [{**key, "kid": kid or ours}]}), issuer=ISSUER)
    claims = {"sub": "x", "channel": "CREDIT_MGMT", "scope": "valuations:write"}
    forged = stranger.issue(claims, audience=Audience.API, lives=timedelta(minutes=1), now=NOON)
    async with a_house().client() as client:
        response = await client.post("/v1/echo", headers={"Authorization": f"Bearer {forged}"})
    assert problem(response) == (401, "unauthenticated", ("Authorization", "WRONG"))


# ---- certificates -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN7")
async def test_a_registered_certificate_is_its_channel_and_no_other():
    house = a_house()
    async with house.client(certificate=CERTIFICATE) as client:
        assert (await client.post("/v1/echo")).json()["channel"] == "NET_BANK"
        other = await client.post("/v1/echo", headers={"X-API-Key": "key-of-credit"})
    async with house.client(certificate="cd" * 32) as client:
        stranger = await client.post("/v1/echo")
    assert problem(other) == (401, "unauthenticated", ("client certificate", "OF_ANOTHER_CHANNEL"))
    assert problem(stranger) == (401, "unauthenticated", ("client certificate", "NOT_REGISTERED"))


async def test_several_credentials_must_all_hold_and_be_of_one_channel():
    async with a_house().client() as client:
        token = (await fetched(client, client_id="credit-2")).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        wrong = await client.get("/v1/timeline", headers={**bearer, "X-API-Key": "other"})
        foreign = await client.get("/v1/timeline", headers={**bearer, "X-API-Key": KEYS["NET_BANK"]})
        narrow = await client.get("/v1/timeline", headers={**bearer, "X-API-Key": KEYS["CREDIT_MGMT"]})
    assert problem(wrong) == (401, "unauthenticated", ("X-API-Key", "WRONG"))
    assert problem(foreign) == (401, "unauthenticated", ("X-API-Key", "OF_ANOTHER_CHANNEL"))
    assert problem(narrow) == (403, "forbidden", ("scope", "MISSING_SCOPE"))


# ---- pages --------------------------------------------------------------------------------------------------------


async def challenged(client):
    told = (await client.get("/h5/challenge")).json()
    return {"X-Challenge": told["token"], "X-Challenge-Answer": solved(told["token"], told["difficulty"])}


@pytest.mark.requirement("IN5")
async def test_an_anonymous_visitor_asks_after_a_little_work_and_looks_without():
    async with a_house(difficulty=4).client() as client:
        assert problem(await client.post("/h5/valuations")) == (403, "challenge-required", ("X-Challenge", "MISSING"))
        worked = await client.post("/h5/valuations", headers=await challenged(client))
        assert (worked.json()["channel"], bool(worked.json()["subject"])) == ("WEBSITE", True)
        assert (await client.get("/h5/valuations/1")).json() == {"channel": "WEBSITE", "subject": None}


async def test_a_challenge_is_good_once_and_not_for_long_and_not_without_work():
    house = a_house(difficulty=8)
    async with house.client() as client:
        answer = await challenged(client)
        assert (await client.post("/h5/valuations", headers=answer)).status_code == 200
        assert problem(await client.post("/h5/valuations", headers=answer))[2] == ("X-Challenge", "USED")
        lazy = {**await challenged(client), "X-Challenge-Answer": "x"}
        assert problem(await client.post("/h5/valuations", headers=lazy))[2] == ("X-Challenge", "WRONG_ANSWER")
        late = await challenged(client)
        house.seconds[0] = 601.0
        assert problem(await client.post("/h5/valuations", headers=late))[2] == ("X-Challenge", "EXPIRED")


async def test_a_visitor_stays_the_same_over_several_challenges_and_another_is_another():
    house = a_house()
    async with house.client() as one, house.client() as other:
        marks = [
            (await client.post("/h5/valuations", headers=await challenged(client))).json()["subject"]
            for client in (one, one, other)
        ]
    assert marks[0] == marks[1] != marks[2]


# ---- anonymous callers, by address ------------------------------------------------------------------------------


ONCE = Rate(per_second=1, burst=1)
PAGES = ("/h5/challenge", "/h5/valuations/1", "/verify/1")


async def looked(house, path, address="127.0.0.1", **headers):
    async with house.client(address=address) as client:
        return (await client.get(path, headers=headers)).status_code


@pytest.mark.requirement("IN5")
@pytest.mark.parametrize("path", PAGES)
async def test_an_anonymous_caller_that_asks_too_often_leaves_those_of_other_addresses_alone(path):
    house = a_house(anonymous=RateLimits(ONCE))
    assert [await looked(house, path, "203.0.113.1") for _ in range(3)] == [200, 429, 429]
    assert await looked(house, path, "203.0.113.2") == 200
    house.seconds[0] = 1.0
    assert await looked(house, path, "203.0.113.1") == 200


async def test_a_customer_with_a_page_token_is_not_counted_by_address():
    house = a_house(anonymous=RateLimits(ONCE))
    async with house.client() as client:
        body = {"subject_token": "customer-7"}
        issued = (await client.post("/v1/page-tokens", json=body, headers={"X-API-Key": KEYS["NET_BANK"]})).json()
    bearer = {"Authorization": f"Bearer {issued['token']}"}
    assert {await looked(house, "/h5/valuations/1", **bearer) for _ in range(3)} == {200}


async def test_behind_a_proxy_its_header_tells_addresses_apart_and_what_a_client_puts_before_counts_nothing():
    house = a_house(anonymous=RateLimits(ONCE), address_header="X-Forwarded-For")
    told = ["203.0.113.1", "203.0.113.2", "203.0.113.9, 203.0.113.1"]
    assert [await looked(house, "/verify/1", **{"X-Forwarded-For": one}) for one in told] == [200, 200, 429]


async def test_without_a_proxy_the_header_of_one_counts_nothing():
    house = a_house(anonymous=RateLimits(ONCE))
    told = ["203.0.113.1", "203.0.113.2"]
    assert [await looked(house, "/verify/1", **{"X-Forwarded-For": one}) for one in told] == [200, 429]


async def test_the_addresses_of_one_ipv6_network_are_one_and_an_ipv4_address_is_the_same_in_ipv6():
    house = a_house(anonymous=RateLimits(ONCE))
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1", "203.0.113.1", "::ffff:203.0.113.1"]
    assert [await looked(house, "/verify/1", one) for one in addresses] == [200, 429, 200, 200, 429]


async def test_no_address_is_kept():
    house = a_house()
    await looked(house, "/verify/1", "203.0.113.1")
    assert house.access.anonymous.held == 1
    assert "203.0.113.1" not in repr(vars(house.access.anonymous))


@pytest.mark.requirement("IN5")
async def test_reports_are_checked_while_the_website_is_flooded_and_the_other_way_round():
    house = a_house(rate=ONCE, anonymous=RateLimits(Rate(per_second=100, burst=100)))
    paths = ["/h5/valuations/1", "/h5/valuations/1", "/verify/1", "/verify/1"]
    assert [await looked(house, path) for path in paths] == [200, 429, 200, 429]


@pytest.mark.requirement("IN5")
async def test_reports_are_checked_while_the_house_is_full():
    house = a_house(capacity=Capacity(waiting=10))
    for _ in range(11):
        house.access.load.entered()
    assert [await looked(house, path) for path in ("/h5/valuations/1", "/verify/1")] == [503, 200]


# ---- customers' pages ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN5")
async def test_a_customers_page_asks_in_the_name_of_its_channel():
    house = a_house()
    async with house.client() as client:
        body = {"subject_token": "customer-7"}
        issued = (await client.post("/v1/page-tokens", json=body, headers={"X-API-Key": "key-of-net-bank"})).json()
        bearer = {"Authorization": f"Bearer {issued['token']}"}
        asked = await client.post("/h5/valuations", headers=bearer)
        assert asked.json() == {"channel": "NET_BANK", "subject": "customer-7"}
        assert problem(await client.post("/v1/echo", headers=bearer))[:2] == (401, "unauthenticated")
        house.seconds[0] = issued["expires_in"] + 1
        assert problem(await client.get("/h5/valuations/1", headers=bearer))[2] == ("Authorization", "EXPIRED")


async def test_a_page_token_is_for_channels_with_customers_and_never_holds_a_telephone_number():
    async with a_house().client() as client:
        customer = {"X-API-Key": "key-of-net-bank"}
        credit = await client.post(
            "/v1/page-tokens", json={"subject_token": "a"}, headers={"X-API-Key": KEYS["CREDIT_MGMT"]}
        )
        phone = await client.post("/v1/page-tokens", json={"subject_token": "13800138000"}, headers=customer)
        empty = await client.post("/v1/page-tokens", json={}, headers=customer)
    assert problem(credit)[:2] == (403, "forbidden")
    assert problem(phone) == (422, "invalid-request", ("subject_token", "FIELD_INVALID"))
    assert problem(empty) == (422, "invalid-request", ("subject_token", "MISSING"))


# ---- a full house -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN5")
async def test_when_the_house_is_full_visitors_are_turned_away_before_customers_and_staff():
    house = a_house(capacity=Capacity(waiting=10))
    for _ in range(7):
        house.access.load.entered()
    async with house.client() as client:
        visitor = await client.get("/h5/valuations/1")
        customer = await client.post("/v1/echo", headers={"X-API-Key": KEYS["NET_BANK"]})
        for _ in range(2):
            house.access.load.entered()
        later = await client.post("/v1/echo", headers={"X-API-Key": KEYS["NET_BANK"]})
        staff = await client.post("/v1/echo", headers={"X-API-Key": KEYS["CREDIT_MGMT"]})
    assert problem(visitor) == (503, "overloaded")
    assert int(visitor.headers["Retry-After"]) > 0
    assert (customer.status_code, later.status_code, staff.status_code) == (200, 503, 200)


async def test_a_waiting_call_is_counted_until_it_is_answered():
    house = a_house(capacity=Capacity(waiting=1))
    async with house.client() as client:
        for _ in range(3):
            assert (await client.post("/v1/echo", headers={"X-API-Key": KEYS["NET_BANK"]})).status_code == 200
    assert house.access.load.pressure(0.0) == 0.0
