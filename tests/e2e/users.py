"""A running system as its users meet it: a channel, a reviewer, a bank's own producer, an operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import count
from typing import Any, Self

import httpx
from confluent_kafka import Message

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from producers.simulator.requests import SimulatedRequest
from schemas.catalogue import DEAD_LETTERS, REQUESTS, RESULTS
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.events import Requested, Resulted
from schemas.headers import event_headers, event_type
from schemas.ids import event_id, valuation_id
from schemas.registry import CatalogueRegistry
from tests.e2e.system import Avm, Secrets, eventually

CODEC = Codec(CatalogueRegistry())
STAFF, CUSTOMER, PUBLIC = "CREDIT_MGMT", "MOBILE_BANK", "WEBSITE"
REVIEWER, SECOND = "senior", "expert"


@dataclass(frozen=True)
class Channel:
    """A channel that calls the gateway with its API key."""

    code: str
    http: httpx.Client
    api_key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.api_key}

    def ask(self, number: str, address: object, area: object, *, wait_s: int = 10, **fields: object) -> httpx.Response:
        """Post a request under the channel's own number."""
        body = {"client_request_id": number, "address": address, "area_m2": area, **fields}
        return self.post({name: value for name, value in body.items() if value is not None}, wait_s=wait_s)

    def post(self, body: object, *, wait_s: int = 10, path: str = "") -> httpx.Response:
        headers = {**self.headers, "Prefer": f"wait={wait_s}"}
        return self.http.post(f"/v1/valuations{path}", headers=headers, json=body)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(f"/v1/valuations/{path}", headers=self.headers)

    def clarify(self, valuation: str, community_id: str) -> httpx.Response:
        return self.post({"community_id": community_id}, path=f"/{valuation}/clarification")

    def told(self, valuation: str, *statuses: str) -> dict[str, Any]:
        """What GET says once the valuation has one of these statuses."""

        def look() -> dict[str, Any] | None:
            body = self.get(valuation).json()
            return body if body.get("status") in statuses else None

        return eventually(look, f"{valuation} to be {' or '.join(statuses)}")

    def report(self, valuation: str) -> httpx.Response:
        """The report, once it can be had."""

        def look() -> httpx.Response | None:
            response = self.get(f"{valuation}/report")
            return response if response.is_success else None

        return eventually(look, f"the report of {valuation}")


@dataclass
class Users:
    """A running system from outside. Entered, it holds connections; `loaded` is what loading the market said."""

    avm: Avm
    bootstrap: str
    pages: Mapping[str, str]
    loaded: Mapping[str, Mapping[str, Any]]
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __enter__(self) -> Self:
        self._gateway, self.ledger, self.desk = (
            httpx.Client(base_url=self.pages[page], timeout=30.0, trust_env=False)
            for page in ("gateway", "ledger", "desk")
        )
        self._publisher = Publisher(client_conf(self.bootstrap), on_fatal=lambda _: None)
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
        for client in (self._gateway, self.ledger, self.desk):
            client.close()

    def number(self) -> str:
        """A request number that was not used before."""
        return f"e2e-{next(self._numbers):05d}"

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(self.avm.state)

    # ---- over HTTP ------------------------------------------------------------------------------------------------

    @property
    def anyone(self) -> httpx.Client:
        """Somebody without a key."""
        return self._gateway

    def channel(self, code: str) -> Channel:
        return Channel(code, self._gateway, self.secrets.api_key(code))

    @property
    def staff(self) -> Channel:
        return self.channel(STAFF)

    @property
    def customer(self) -> Channel:
        return self.channel(CUSTOMER)

    def value(self, house: SimulatedRequest, *, by: str = STAFF, **fields: object) -> dict[str, Any]:
        """Ask about a house and return its automatic value, which must come."""
        channel = self.channel(by)
        response = channel.ask(self.number(), house.address, str(house.area_m2), **fields)
        assert response.status_code in {200, 202}, response.text
        valued = channel.told(response.json()["valuation_id"], "COMPLETED_AUTO")
        return response.json() if response.status_code == 200 else valued

    def at_the_desk(self, user: str) -> dict[str, str]:
        """The headers of somebody who is logged in at the desk."""
        login = {"username": user, "password": self.secrets.password(user)}
        token = self.desk.post("/api/login", json=login).raise_for_status().json()["token"]
        return {"authorization": f"Bearer {token}"}

    def reviewer(self) -> httpx.Client:
        """The desk, logged in."""
        self.desk.headers.update(self.at_the_desk(REVIEWER))
        return self.desk

    def claimed(self, valuation: str) -> dict[str, Any]:
        """The review task of a valuation, in the reviewer's hands."""
        desk = self.reviewer()

        def waiting() -> str | None:
            tasks = desk.get("/api/tasks").raise_for_status().json()["pool"]
            return next((task["task_id"] for task in tasks if task["valuation_id"] == valuation), None)

        claim = {"task_id": eventually(waiting, f"a task for {valuation}")}
        task: dict[str, Any] = desk.post("/api/tasks/claim", json=claim).raise_for_status().json()["task"]
        return task

    def decided(self, task: dict[str, Any], decision: dict[str, Any]) -> None:
        """The reviewer decides; where that is not theirs alone, a second person approves."""
        answer = self.desk.post(f"/api/tasks/{task['task_id']}/decision", json=decision).raise_for_status().json()
        if answer["state"] == "PENDING_APPROVAL":
            second = self.at_the_desk(SECOND)
            waiting = self.desk.get("/api/approvals", headers=second).raise_for_status().json()["approvals"]
            (version,) = [one["task"]["version"] for one in waiting if one["task"]["task_id"] == task["task_id"]]
            approve = f"/api/tasks/{task['task_id']}/approve"
            answer = self.desk.post(approve, json={"version": version}, headers=second).raise_for_status().json()
        assert answer["state"] == "DECIDED"

    # ---- in the ledger --------------------------------------------------------------------------------------------

    def timeline(self, valuation: str, *until: str) -> dict[str, Any]:
        """The ledger's timeline once it has events of all these kinds."""

        def look() -> dict[str, Any] | None:
            response = self.ledger.get(f"/valuations/{valuation}/timeline")
            if not response.is_success:
                return None
            found = response.json()
            return found if set(until) <= {event["kind"] for event in found["events"]} else None

        return eventually(look, f"{valuation} to be in the ledger with {until}")

    # ---- on the topics --------------------------------------------------------------------------------------------

    def send(
        self, key: str, value: bytes | None, *, lane: Lane = Lane.ONLINE, request: Requested | None = None
    ) -> None:
        """Put a record on the requests topic and return when the broker has it."""
        headers = [] if request is None else headers_of(request)
        self.publish(Record(topic=REQUESTS.named(lane), key=key.encode(), value=value, headers=headers))

    def publish(self, record: Record) -> None:
        """Put any record on its topic and return when the broker has it."""
        self._publisher.publish([record])

    def request(self, house: SimulatedRequest, **changes: Any) -> Requested:
        """A request about a house as a bank's own system writes it."""
        number, channel = changes.pop("number", None) or self.number(), changes.pop("channel", STAFF)
        fields = {"address": house.address, "area": Decimal(house.area_m2), **changes}
        return Requested(
            valuation_id=valuation_id(channel, number),
            channel=channel,
            client_request_id=number,
            requested_at=datetime.now(UTC),
            **fields,
        )

    def produce(self, request: Requested) -> str:
        """Send a well-formed record; the valuation's id."""
        self.send(request.valuation_id, CODEC.encode(request), request=request)
        return request.valuation_id

    def results(self, valuation: str, *, lane: Lane = Lane.ONLINE) -> list[Resulted]:
        """Every answer to a valuation on the results topic."""
        with TopicReader(client_conf(self.bootstrap), [RESULTS.named(lane)], start=Start.BEGINNING) as reader:
            found = [message for message in reader.to_end(within_s=60) if message.key() == valuation.encode()]
        return [CODEC.decode(message.value(), Resulted) for message in found]

    def final_result(self, valuation: str) -> Resulted:
        """The final answer on the results topic."""

        def look() -> Resulted | None:
            return next((result for result in self.results(valuation) if result.status.is_final), None)

        return eventually(look, f"a final answer to {valuation} on the topic")

    def dead_letter(self, key: str, *, stage: str) -> Message:
        """The dead letter that a stage wrote about the record with this key."""

        def look() -> Message | None:
            topic = DEAD_LETTERS.named()
            with TopicReader(client_conf(self.bootstrap), [topic], start=Start.BEGINNING) as reader:
                found = [message for message in reader.to_end(within_s=60) if message.key() == key.encode()]
            return next((message for message in found if dict(message.headers())["dlq.stage"] == stage.encode()), None)

        return eventually(look, f"a dead letter of {stage} about {key}")


def headers_of(request: Requested) -> list[tuple[str, bytes]]:
    """CloudEvents headers as a bank's producer sets them, without a trace of its own."""
    kind = event_type(request)
    return event_headers(
        event_id=event_id(request.valuation_id, kind, 1),
        event_type=kind,
        source="bank/credit-system",
        at=request.requested_at,
        traceparent=None,
    )
