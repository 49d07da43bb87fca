"""A request that is one too many: refused, and told on the results topic as any other answer is."""

from dataclasses import dataclass

from producers.gateway.access.access import Access
from producers.gateway.access.caller import Caller
from producers.gateway.access.quotas import quota_refusal
from producers.gateway.problems import Code, ProblemError
from producers.gateway.voice import Voice
from schemas.events import Requested


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Counts requests against quotas. `voice` tells of refusals."""

    access: Access
    voice: Voice

    async def admit(self, caller: Caller, requested: Requested, *, parent: str) -> None:
        """Count a request, once however often it is sent.

        Raises:
            ProblemError: QUOTA_EXCEEDED, told before it is raised; BLOCKED; UNAVAILABLE when it cannot be told.
        """
        try:
            await self.access.within_quota(caller, requested)
        except ProblemError as problem:
            if problem.code is Code.QUOTA_EXCEEDED:
                refusal = quota_refusal(requested, caller.channel, now=self.access.clock())
                await self.voice.refusal(refusal, parent=parent)
            raise
