"""Who may come in, for what, how often, and when the house is full: the dependencies of the gateway's routes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from producers.gateway.access.addresses import Addresses
from producers.gateway.access.blocks import entries_for
from producers.gateway.access.caller import NAME_DIGITS, Caller, pseudonym
from producers.gateway.access.challenges import ANSWER, CHALLENGE, LIVES, Challenge, difficulty_at, is_answer
from producers.gateway.access.clients import Client
from producers.gateway.access.credentials import API_KEY, Credentials, bearer
from producers.gateway.access.memory import Memory
from producers.gateway.access.quotas import asking, quota_problem
from producers.gateway.access.rate_limit import RateLimits
from producers.gateway.access.shedding import Load, is_shed, rank_of
from producers.gateway.access.tokens import Audience, TokenRefusedError, Tokens
from producers.gateway.problems import Code, ProblemError
from schemas.domain import channels
from schemas.domain.channels import Profile, Scope
from schemas.events import Problem, Requested

PUBLIC_CHANNEL: Final = "WEBSITE"
PAGE_TOKEN_LIVES: Final = timedelta(minutes=30)  # as long as a customer's session with the bank
PAGE_SCOPES: Final = frozenset({Scope.VALUATIONS_WRITE, Scope.VALUATIONS_READ, Scope.REPORTS_READ})
CHECKING: Final = "VERIFY"  # whoever holds a paper report, without any channel
_LETTERS: Final = 10  # a person types ten letters for each valuation, and each asks for suggestions
_OVERLOADED_S: Final = 5
Dependency = Callable[..., AsyncIterator[Caller]]

# For the OpenAPI document; who is asking is found out from the request itself.
_BY_KEY = Security(APIKeyHeader(name=API_KEY, scheme_name="ApiKey", auto_error=False))
_BY_TOKEN = Security(HTTPBearer(scheme_name="Bearer", bearerFormat="JWT", auto_error=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One instance's doors.

    `limits`: by channel, and by CHECKING for those who check reports. `anonymous`: by the address of callers without
    credentials, and less than `limits`, so that none of them has everything to itself. `new_mark` gives a random text
    (128 bits); `monotonic_s` is a clock that never goes back.
    """

    credentials: Credentials
    clients: Mapping[str, Client]
    tokens: Tokens
    memory: Memory
    limits: RateLimits
    anonymous: RateLimits
    addresses: Addresses
    load: Load
    clock: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    new_mark: Callable[[], str]
    base_difficulty: int

    def with_limits(self, limits: RateLimits) -> "Access":
        """The same doors with other rates, for what is called more often."""
        return replace(self, limits=limits, anonymous=self.anonymous.times(_LETTERS))

    def with_credentials(self, scope: str) -> Dependency:
        """A dependency for bank systems: the caller, when it may use `scope`.

        Raises:
            ProblemError: UNAUTHENTICATED, FORBIDDEN, BLOCKED, RATE_LIMITED, OVERLOADED.
        """
        wanted = Scope(scope)

        async def caller(request: Request, _key: Any = _BY_KEY, _token: Any = _BY_TOKEN) -> AsyncIterator[Caller]:
            request.state.actor = "-"
            found = await self.credentials.caller(request)
            request.state.actor = found.credential
            await self._admit(found, wanted)
            with self._waiting(wanted):
                yield found

        return caller

    def for_page(self, scope: str) -> Dependency:
        """A dependency for pages: a channel's customer by page token, else an anonymous visitor of the website.

        A visitor who asks for a new valuation must have answered a challenge.

        Raises:
            ProblemError: UNAUTHENTICATED, CHALLENGE_REQUIRED, FORBIDDEN, BLOCKED, RATE_LIMITED, OVERLOADED.
        """
        wanted = Scope(scope)

        async def caller(request: Request) -> AsyncIterator[Caller]:
            request.state.actor = PUBLIC_CHANNEL
            token = bearer(request)
            found = self._visitor(None) if token is None else self._customer(token)
            request.state.actor = found.credential
            if token is None:
                self.limit_visitor(request)
            await self._admit(found, wanted)
            is_new = wanted is Scope.VALUATIONS_WRITE and "valuation_id" not in request.path_params
            if token is None and is_new:
                found = self._visitor(await self._visitor_of(request))
                await self._refuse_blocked(found)
            with self._waiting(wanted):
                yield found

        return caller

    def for_checking(self) -> Callable[[Request], Awaitable[None]]:
        """A dependency for whoever checks a report: no credentials, and nothing that closes a channel closes this.

        Raises:
            ProblemError: RATE_LIMITED.
        """

        async def check(request: Request) -> None:
            request.state.actor = PUBLIC_CHANNEL
            self._limit_address(request, CHECKING)
            self._limit(CHECKING)

        return check

    async def within_quota(self, caller: Caller, requested: Requested) -> None:
        """Count a request, once; what is refused must be told on the results topic too (`quota_refusal`).

        Raises:
            ProblemError: QUOTA_EXCEEDED, with the seconds until the next window; BLOCKED for its customer.
        """
        if requested.subject_token is not None:
            await self._refuse_blocked(replace(caller, subject=requested.subject_token))
        now = self.clock()
        full = await self.memory.admit(asking(caller, requested, now))
        if full:
            raise ProblemError(
                Code.QUOTA_EXCEEDED,
                problems=[quota_problem(use.quota) for use in full],
                retry_after_s=max(use.retry_after_s(now) for use in full),
                valuation_id=requested.valuation_id,
            )

    def page_token(self, caller: Caller, subject: str) -> str:
        """A token by which one customer's page asks in the channel's name. Raises `ProblemError` FORBIDDEN."""
        if caller.channel.profile is not Profile.CUSTOMER:
            raise _forbidden("channel", "NO_PAGE", "仅面向客户的渠道可以获取页面令牌。")
        claims = {"channel": caller.channel.code, "sub": subject}
        return self.tokens.issue(claims, audience=Audience.PAGE, lives=PAGE_TOKEN_LIVES, now=self.clock())

    def limit_visitor(self, request: Request) -> None:
        """Count a call of a visitor for its address. Raises `ProblemError` RATE_LIMITED."""
        self._limit_address(request, PUBLIC_CHANNEL)

    def challenge(self, visitor: str | None) -> Challenge:
        """A new challenge for a visitor; `None`: one we have not seen. Raises `ProblemError` RATE_LIMITED."""
        self._limit(PUBLIC_CHANNEL)
        difficulty = difficulty_at(self.load.pressure(self.monotonic_s()), self.base_difficulty)
        mark = visitor or self.new_mark()
        claims = {"sub": mark, "jti": self.new_mark(), "bits": difficulty}
        token = self.tokens.issue(claims, audience=Audience.CHALLENGE, lives=LIVES, now=self.clock())
        return Challenge(token=token, difficulty=difficulty, visitor=mark)

    async def _admit(self, caller: Caller, wanted: Scope) -> None:
        await self._refuse_blocked(caller)
        self._limit(caller.channel.code)
        if wanted not in caller.scopes:
            raise _forbidden("scope", "MISSING_SCOPE", f"该凭证缺少权限 {wanted}。")
        if is_shed(rank_of(caller.channel, wanted), self.load.pressure(self.monotonic_s())):
            raise ProblemError(Code.OVERLOADED, retry_after_s=_OVERLOADED_S)

    async def _refuse_blocked(self, caller: Caller) -> None:
        if entries_for(caller) & await self.memory.blocked():
            raise ProblemError(Code.BLOCKED)

    def _limit(self, name: str) -> None:
        _refuse_for(self.limits.refused_for_s(name, self.monotonic_s()))

    def _limit_address(self, request: Request, where: str) -> None:
        """Before the whole channel is counted: an address that asks too often takes nothing from the others."""
        name = f"{where}|{self.addresses.of(request)}"
        _refuse_for(self.anonymous.refused_for_s(name, self.monotonic_s()))

    def _waiting(self, wanted: Scope) -> AbstractContextManager[None]:
        return self.load.waiting(self.monotonic_s) if wanted is Scope.VALUATIONS_WRITE else nullcontext()

    def _customer(self, token: str) -> Caller:
        try:
            claims = self.tokens.read(token, audience=Audience.PAGE, now=self.clock())
        except TokenRefusedError as refused:
            raise _no_page(expired=refused.expired) from None
        channel, subject = channels.channel(claims["channel"]), str(claims["sub"])
        return Caller(
            channel=channel,
            credential=f"{channel.code}/h5:{pseudonym(channel.code, subject)[:NAME_DIGITS]}",
            scopes=frozenset(PAGE_SCOPES & channel.scopes),
            subject=subject,
        )

    @staticmethod
    def _visitor(mark: str | None) -> Caller:
        channel = channels.channel(PUBLIC_CHANNEL)
        return Caller(channel=channel, credential=channel.code, scopes=frozenset(channel.scopes), subject=mark)

    async def _visitor_of(self, request: Request) -> str:
        """The visitor that answered the challenge a request brings."""
        token, answer = request.headers.get(CHALLENGE), request.headers.get(ANSWER)
        if not token or not answer:
            raise _unanswered("MISSING", "请先完成页面验证。")
        now = self.clock()
        try:
            claims = self.tokens.read(token, audience=Audience.CHALLENGE, now=now)
        except TokenRefusedError as refused:
            raise _unanswered("EXPIRED" if refused.expired else "WRONG", "页面验证已失效，请重新验证。") from None
        if not is_answer(token, answer, claims["bits"]):
            raise _unanswered("WRONG_ANSWER", "页面验证未通过，请重新验证。")
        expires_at = datetime.fromtimestamp(claims["exp"], now.tzinfo)
        if not await self.memory.take_nonce(CHALLENGE, claims["jti"], expires_at=expires_at, now=now):
            raise _unanswered("USED", "该页面验证已使用过，请重新验证。")
        return str(claims["sub"])


def _refuse_for(seconds: int | None) -> None:
    if seconds is not None:
        raise ProblemError(Code.RATE_LIMITED, retry_after_s=seconds)


def _forbidden(field: str, code: str, message: str) -> ProblemError:
    return ProblemError(Code.FORBIDDEN, problems=[Problem(field=field, code=code, message=message)])


def _no_page(*, expired: bool) -> ProblemError:
    text = f"页面{'已过期' if expired else '令牌无效'}，请回到银行页面重新进入。"
    known = Problem(field="Authorization", code="EXPIRED" if expired else "WRONG", message=text)
    return ProblemError(Code.UNAUTHENTICATED, problems=[known])


def _unanswered(code: str, message: str) -> ProblemError:
    return ProblemError(Code.CHALLENGE_REQUIRED, problems=[Problem(field=CHALLENGE, code=code, message=message)])
