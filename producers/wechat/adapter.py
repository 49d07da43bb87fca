"""From a message of a customer to the reply, within the five seconds that WeChat waits; and what is sent later."""

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from producers.wechat import phrases
from producers.wechat.api import Messenger, UndeliveredError
from producers.wechat.dialogue import WELCOME, Act, Cancel, Choose, Dispute, Query, Say, Talk, Value, is_choice, step
from producers.wechat.gateway import Gateway, RefusedError, UnavailableError
from producers.wechat.messages import Message
from producers.wechat.store import AskedStore, Waiting

log = logging.getLogger(__name__)

WAIT_S: Final = 3  # for the gateway's answer; the rest of WeChat's 5 s is for the way there and back
_TALK_KEPT: Final = timedelta(minutes=30)
_MOST: Final = 10_000  # talks and messages remembered; older ones give way
_SOONEST, _LATEST = timedelta(seconds=2), timedelta(minutes=1)
_GIVEN_UP: Final = timedelta(minutes=5)
_QUESTION: Final = "NEEDS_CLARIFICATION"
_QUOTA: Final = "quota-exceeded"
_HELD_ON: Final = frozenset({"PENDING_MANUAL", _QUESTION})


def subject_token(secret: bytes, openid: str) -> str:
    """How the gateway knows a customer: the same for the same one, and no way back to the openid."""
    return "wx-" + hmac.new(secret, openid.encode(), sha256).hexdigest()[:40]


@dataclass(slots=True)
class _Memory:
    """Talks by customer and replies by message; both end by themselves."""

    talks: OrderedDict[str, tuple[datetime, Talk]] = field(default_factory=OrderedDict)
    replies: OrderedDict[str, "asyncio.Task[str]"] = field(default_factory=OrderedDict)
    bringing: set["asyncio.Task[None]"] = field(default_factory=set)

    def talk(self, subject: str, now: datetime) -> Talk:
        at, talk = self.talks.get(subject, (now, Talk()))
        return talk if now - at <= _TALK_KEPT else Talk()

    def keep_talk(self, subject: str, talk: Talk, now: datetime) -> None:
        self.talks.pop(subject, None)
        if talk != Talk():
            self.talks[subject] = (now, talk)
        if len(self.talks) > _MOST:
            self.talks.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One account. `secret` is what customers' tokens hang on; `clock` gives the time of day in UTC."""

    gateway: Gateway
    messenger: Messenger
    store: AskedStore
    secret: bytes
    clock: Callable[[], datetime]
    _memory: _Memory = field(default_factory=_Memory)

    async def reply(self, message: Message) -> str:
        """The reply to a message; empty where there is nothing to say. Sent again, a message gets the same reply.

        WeChat sends a message again when no reply came in 5 s: then the first is still being answered, or was.
        """
        under_way = self._memory.replies.get(message.number)
        if under_way is None or (under_way.done() and under_way.exception() is not None):
            under_way = asyncio.create_task(self._answered(message))
            self._memory.replies[message.number] = under_way
            if len(self._memory.replies) > _MOST:
                self._memory.replies.popitem(last=False)
        return await asyncio.shield(under_way)

    def bring_later(self, message: Message) -> None:
        """Send the reply to a message that is being answered as a message of its own, once it is there."""
        task = asyncio.create_task(self._brought(message))
        self._memory.bringing.add(task)
        task.add_done_callback(self._memory.bringing.discard)

    async def _brought(self, message: Message) -> None:
        text = await self.reply(message)
        if not text:
            return
        try:
            await self.messenger.send(message.openid, text)
        except UndeliveredError as error:
            log.warning("a late reply was not delivered", extra={"cause": str(error)})

    async def _answered(self, message: Message) -> str:
        if message.kind == "event":
            return await self._on_event(message)
        if message.kind == "text" or (message.kind == "voice" and message.text):  # WeChat writes voices down
            return await self._on_text(message, message.text)
        return phrases.TEXT_ONLY

    async def _on_event(self, message: Message) -> str:
        if message.event in {"subscribe", "SCAN"}:
            return WELCOME
        if message.event == "CLICK":
            return await self._on_text(message, _MENU.get(message.event_key, message.event_key))
        return ""  # unsubscribe, location and the like ask for nothing

    async def _on_text(self, message: Message, said: str) -> str:
        now, subject = self.clock(), subject_token(self.secret, message.openid)
        talk = self._memory.talk(subject, now)
        try:
            if talk == Talk() and is_choice(said):
                talk = await self._asked_before(subject)
            talk, act = step(talk, said)
            words, talk = await self._done(act, message, subject, talk)
        except UnavailableError as error:
            log.warning("the gateway is not available", extra={"cause": str(error)})
            return phrases.BUSY  # what was known stays known: the same words again go on from there
        except RefusedError as refusal:
            words = phrases.QUOTA if refusal.code == _QUOTA else phrases.refused(refusal.problem)
        self._memory.keep_talk(subject, talk, now)
        return words

    async def _done(self, act: Act, message: Message, subject: str, talk: Talk) -> tuple[str, Talk]:
        """Do it: what to say, and the talk that goes on."""
        match act:
            case Say(text=text):
                return text, talk
            case Value(address=address, area_m2=area_m2):
                view = await self.gateway.ask(
                    request_id=self._request_id(message),
                    subject=subject,
                    address=address,
                    area_m2=area_m2,
                    wait_s=WAIT_S,
                )
                words, talk = self._noted(view, message, subject)
                return f"{address}，{area_m2}㎡\n{words}", talk
            case Choose(valuation_id=valuation_id, community_id=community_id):
                view = await self.gateway.clarify(valuation_id, community_id, wait_s=WAIT_S)
                return self._noted(view, message, subject)
            case Query():
                return await self._standing(message, subject, talk)
            case Cancel():
                return await self._cancelled(subject), talk
            case Dispute():
                return phrases.disputing(self.store.latest(subject)), talk

    async def _asked_before(self, subject: str) -> Talk:
        """The question that still waits for its answer, though the talk has been forgotten: it stays open for a day."""
        latest = self.store.latest(subject)
        view = await self.gateway.look(latest) if latest is not None else {}
        return _going_on(view)

    async def _standing(self, message: Message, subject: str, talk: Talk) -> tuple[str, Talk]:
        latest = self.store.latest(subject)
        if latest is None:
            return phrases.NOTHING_ASKED, talk
        view = await self.gateway.look(latest)
        return self._noted(view, message, subject) if "status" in view else (phrases.LATER, talk)

    def _noted(self, view: dict[str, Any], message: Message, subject: str) -> tuple[str, Talk]:
        status = str(view.get("status", ""))
        self.store.put(
            view["valuation_id"],
            subject=subject,
            openid=message.openid,
            status=status,
            is_owed=not view.get("final"),
            now=self.clock(),
        )
        return phrases.told(view) if status else phrases.LATER, _going_on(view)

    def _request_id(self, message: Message) -> str:
        """The same for a message sent again, also after a restart; an event's number would name the customer."""
        return subject_token(self.secret, f"message {message.number}")

    async def _cancelled(self, subject: str) -> str:
        latest = self.store.latest(subject)
        if latest is None:
            return phrases.NOTHING_ASKED
        try:
            view = await self.gateway.cancel(latest)
        except RefusedError as refusal:
            if refusal.code != "already-final":
                raise
            return phrases.NOT_CANCELLED
        if not view.get("final"):
            return phrases.CANCELLING  # what becomes of it is still owed to the customer
        self.store.told(latest, str(view["status"]), look_at=None)
        return phrases.CANCELLED

    # ---- later -------------------------------------------------------------------------------------------------

    async def tell_due(self) -> int:
        """Look at the valuations that customers wait for and tell those that moved on; how many were told."""
        waiting = self.store.due(self.clock())
        return sum([await self._told(one) for one in waiting])

    async def _told(self, one: Waiting) -> bool:
        now = self.clock()
        again = now + min(max((now - one.asked_at) / 10, _SOONEST), _LATEST)
        try:
            view = await self._looked_at(one, now)
            status = str(view.get("status", ""))
            if not view.get("final") and (status not in _HELD_ON or status == one.told_status):
                self.store.look_again(one.valuation_id, again)
                return False
            await self.messenger.send(one.openid, phrases.told(view))
        except (UnavailableError, RefusedError, UndeliveredError) as error:
            log.warning("an answer waits to be sent", extra={"valuation_id": one.valuation_id, "cause": str(error)})
            self.store.look_again(one.valuation_id, now + _LATEST)
            return False
        self.store.told(one.valuation_id, status, look_at=None if view.get("final") else again)
        if status == _QUESTION:
            self._memory.keep_talk(subject_token(self.secret, one.openid), phrases.asking(view), now)
        return True

    async def _looked_at(self, one: Waiting, now: datetime) -> dict[str, Any]:
        try:
            return await self.gateway.look(one.valuation_id)
        except RefusedError as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND or one.told_status or now - one.asked_at < _GIVEN_UP:
                raise
            # the answer was late because the request never arrived
            return {"status": "FAILED", "final": True}


_MENU: Final = {"VALUATE": "估值", "QUERY": "查询", "DISPUTE": "复估", "HELP": "帮助"}


def _going_on(view: dict[str, Any]) -> Talk:
    """The talk that goes on with an answer's question, if it asks one."""
    return phrases.asking(view) if view.get("status") == _QUESTION else Talk()
