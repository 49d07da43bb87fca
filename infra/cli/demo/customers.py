"""The ways in of people with a phone, each used as they use it: the page of the website, and messages to WeChat."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from infra.cli.demo.questions import Question
from infra.cli.wechat import simulated_wechat, subject_secret
from infra.settings import WeChatSettings
from producers.gateway.access.challenges import ANSWER, CHALLENGE, solved
from producers.wechat.adapter import subject_token
from producers.wechat.simulator import SimulatedWeChat

_BETWEEN_S: Final = 0.2
_SPEAKS_FOR_S: Final = 10.0


async def by_page(questions: Sequence[Question], numbers: Sequence[str], *, gateway: str, wait_s: int) -> None:
    """Ask as anonymous visitors: each answers the page's challenge first.

    Raises:
        httpx.HTTPError: The gateway is away or refuses.
    """
    async with httpx.AsyncClient(base_url=gateway, timeout=30.0, trust_env=False) as client:
        for question, number in zip(questions, numbers, strict=True):
            client.cookies.clear()  # another visitor each time: the website's quota is a visitor's
            challenge = (await client.get("/h5/challenge")).raise_for_status().json()
            answer = await asyncio.to_thread(solved, challenge["token"], challenge["difficulty"])
            headers = {CHALLENGE: challenge["token"], ANSWER: answer, "Prefer": f"wait={wait_s}"}
            response = await client.post("/h5/valuations", headers=headers, json=body_of(question, number))
            response.raise_for_status()
            await asyncio.sleep(_BETWEEN_S)


def body_of(question: Question, number: str) -> dict[str, Any]:
    """A question as the gateway is asked it, under the channel's own number."""
    body: dict[str, Any] = {
        "client_request_id": number,
        "address": question.address,
        "area_m2": str(question.area_m2),
    }
    if question.value_date is not None:
        body["value_date"] = question.value_date.isoformat()
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class WeChat:
    """WeChat's side of a local account: customers' messages, signed and sealed as WeChat passes them on."""

    side: SimulatedWeChat
    secret: bytes
    address: str

    @classmethod
    def of(cls, settings: WeChatSettings, address: str) -> "WeChat":
        """For the adapter with these settings, at this address."""
        return cls(side=simulated_wechat(settings), secret=subject_secret(settings), address=address)

    def request_id(self, number: str) -> str:
        """The request number under which the adapter asks for what the message of this number said."""
        return subject_token(self.secret, f"message {number}")

    async def say(self, questions: Sequence[Question], numbers: Sequence[str]) -> None:
        """Write one message for each question, every one by another customer.

        Raises:
            httpx.HTTPError: The adapter is away or refuses.
        """
        async with httpx.AsyncClient(base_url=self.address, timeout=_SPEAKS_FOR_S, trust_env=False) as client:
            for question, number in zip(questions, numbers, strict=True):
                said = {"MsgType": "text", "Content": f"{question.address}，面积{question.area_m2:f}平米"}
                query, message = self.side.posted(f"demonstration-{number}", said, number=number)
                response = await client.post("/wechat", params=query, content=message.encode())
                response.raise_for_status()
                await asyncio.sleep(_BETWEEN_S)
