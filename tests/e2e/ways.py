"""Ways in without an API key of their own: the bank's topics, pages, WeChat, files; and what comes back by them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from house_valuation import Client, ClientCredentials, Delivery, verified
from infra.cli.demo.customers import WeChat
from infra.cli.up import client_id_of
from infra.kafka.producer import Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from infra.settings import WeChatSettings
from producers.gateway.access.challenges import ANSWER, CHALLENGE, solved
from schemas.catalogue import BANK_ANSWERS, DEAD_LETTERS, RECEIPTS
from schemas.events import Delivered, Receipted
from tests.e2e.system import eventually
from tests.e2e.users import CODEC, Users
from tests.fakes.bank import Bank


@dataclass(frozen=True)
class Ways:
    """The ways in of one running system."""

    users: Users

    # ---- bank systems ---------------------------------------------------------------------------------------------

    @contextmanager
    def client(self, code: str) -> Iterator[Client]:
        """The bank's own client library, with the channel's OAuth credentials."""
        credentials = ClientCredentials(client_id_of(code), self.users.secrets.oauth_secret(code))
        address = self.users.pages["gateway"]
        with Client(address, credentials, timeout_s=60.0, transport=httpx.HTTPTransport()) as service:
            yield service

    def deliveries(self, *channels: str) -> list[Delivered]:
        """Everything on the own topics of some channels; default: of all."""
        topics = [BANK_ANSWERS[code].named() for code in channels or BANK_ANSWERS]
        with TopicReader(client_conf(self.users.bootstrap), topics, start=Start.BEGINNING) as reader:
            return [CODEC.decode(message.value(), Delivered) for message in reader.to_end(within_s=60)]

    def delivered(self, channel: str, subject_id: str, kind: str) -> Delivered:
        """What came last about something on the channel's own topic; a result is the final one."""

        def look() -> Delivered | None:
            found = [one for one in self.deliveries(channel) if (one.subject_id, one.kind) == (subject_id, kind)]
            ended = [one for one in found if data_of(one).get("final", True)]
            return ended[-1] if ended else None

        return eventually(look, f"{kind} of {subject_id} on the topic of {channel}")

    def acknowledge(self, receipt: Receipted) -> None:
        """Put a receipt on the topic, as the bank's system does."""
        key = receipt.delivery_id.encode()
        self.users.publish(Record(topic=RECEIPTS.named(), key=key, value=CODEC.encode(receipt), headers=[]))

    def standing(self, delivery_id: str, *statuses: str) -> dict[str, Any]:
        """What the operator sees of a delivery once it has one of these statuses."""

        def look() -> dict[str, Any] | None:
            found = self.users.avm("callbacks", "deliveries", "show", delivery_id, "--json")
            told = json.loads(found.stdout) if found.returncode == 0 else {}
            return told if told.get("status") in statuses else None

        return eventually(look, f"delivery {delivery_id} to be {' or '.join(statuses)}")

    def dead_letters(self) -> int:
        """How many there are."""
        with TopicReader(client_conf(self.users.bootstrap), [DEAD_LETTERS.named()], start=Start.BEGINNING) as reader:
            return sum(1 for _ in reader.to_end(within_s=60))

    # ---- people ---------------------------------------------------------------------------------------------------

    def page(self, code: str, subject: str) -> "Page":
        """A customer's page, entered through the channel's application."""
        asked = {"subject_token": subject}
        channel = self.users.channel(code)
        response = channel.http.post("/v1/page-tokens", headers=channel.headers, json=asked)
        token = response.raise_for_status().json()["token"]
        return Page(self.users.anyone, {"Authorization": f"Bearer {token}"})

    def website(self) -> "Page":
        """The page of somebody whom nobody knows."""
        return Page(self.users.anyone, {})

    def wechat(self) -> WeChat:
        """WeChat's side of the account of this system."""
        account = {name: SecretStr(text) for name, text in self.users.secrets.wechat.items()}
        settings = WeChatSettings(**account, app_id="wx-simulated")
        return WeChat.of(settings, self.users.pages["wechat"])


@dataclass(frozen=True)
class Page:
    """What the page in a browser sends."""

    http: httpx.Client
    headers: Mapping[str, str]

    def worked(self) -> dict[str, str]:
        """The headers of somebody who has answered a challenge."""
        challenge = self.http.get("/h5/challenge").raise_for_status().json()
        return {CHALLENGE: challenge["token"], ANSWER: solved(challenge["token"], challenge["difficulty"])}

    def ask(self, number: str, address: object, area: object, **more: object) -> httpx.Response:
        """Ask; an anonymous visitor has answered a challenge first."""
        headers = dict(self.headers) or self.worked()
        body = {"client_request_id": number, "address": address, "area_m2": area, **more}
        return self.http.post("/h5/valuations", headers=headers, json=body)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(f"/h5/valuations/{path}", headers=dict(self.headers))

    def told(self, valuation: str, *statuses: str) -> dict[str, Any]:
        """What the page shows once the valuation has one of these statuses."""

        def look() -> dict[str, Any] | None:
            body = self.get(valuation).json()
            return body if body.get("status") in statuses else None

        return eventually(look, f"the page to show {' or '.join(statuses)} of {valuation}")

    def report(self, valuation: str) -> httpx.Response:
        """The report, once it can be had."""

        def look() -> httpx.Response | None:
            response = self.get(f"{valuation}/report")
            return response if response.is_success else None

        return eventually(look, f"the report of {valuation} on the page")


@dataclass
class Phone:
    """A follower of the official account."""

    wechat: WeChat
    openid: str
    heard: list[str] = field(default_factory=list)

    def says(self, text: str) -> str:
        """Write a message; the reply at once, which may be empty."""
        response = self.posts({"MsgType": "text", "Content": text})
        assert response.status_code == 200, response.text
        self.heard.append(self.wechat.side.read(response.text))
        return self.heard[-1]

    def posts(self, fields: dict[str, str], *, body: bytes | None = None, **query: str) -> httpx.Response:
        """What WeChat posts for a message; `query` and `body` replace parts of it."""
        signed, message = self.wechat.side.posted(self.openid, fields)
        content = message.encode() if body is None else body
        with httpx.Client(base_url=self.wechat.address, timeout=30.0, trust_env=False) as client:
            return client.post("/wechat", params=signed | query, content=content)

    def hears(self, *words: str) -> str:
        """The first of its messages, replies or later ones, that has all these words."""

        def look() -> str | None:
            with httpx.Client(base_url=self.wechat.address, timeout=30.0, trust_env=False) as client:
                later = client.get("/simulator/messages", params={"openid": self.openid}).json()["messages"]
            told = [*self.heard, *later]
            return next((one for one in told if all(word in one for word in words)), None)

        return eventually(look, f"a message with {words}")


class Listening(Bank):
    """A bank system that keeps each webhook as it came."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self.came: list[tuple[dict[str, str], bytes]] = []

    def _take(self, headers: Any, content: bytes) -> tuple[int, dict, bytes]:
        self.came.append((dict(headers), content))
        return super()._take(headers, content)

    def got(self, subject_id: str, kind: str) -> tuple[dict[str, str], bytes, Delivery]:
        """A webhook about something, and the delivery it proved to be."""

        def look() -> tuple[dict[str, str], bytes, Delivery] | None:
            for headers, content in list(self.came):
                told = verified(headers, content, [self.secret], now_s=time.time())
                if told.kind == kind and subject_id in told.data.values() and told.data.get("final", True):
                    return headers, content, told
            return None

        return eventually(look, f"a webhook with {kind} about {subject_id}")


def data_of(delivered: Delivered) -> dict[str, Any]:
    """What a delivery says."""
    return json.loads(delivered.body)["data"]
