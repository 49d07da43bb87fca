"""Reporting: every delivered value gets its 估价报告单, every verification alone its 验证意见.

Stored first and announced after.
"""

from collections.abc import Sequence

from schemas.catalogue import REPORTS
from schemas.codes import Lane, Status
from schemas.domain.channels import Profile, find
from schemas.events import Reported, Resulted
from streams.reporting.content import SlipTerms, kind_of, slip
from streams.reporting.ports import Renderer, ReportStore
from streams.runtime.stage import Outcome, Output
from streams.runtime.withdrawals import WITHDRAWN, Withdrawals

MEDIA_TYPE = "application/pdf"
_WITH_A_SLIP = frozenset({Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL})


class ReportingStage:
    """`Resulted` → `Reported`, for final answers with a value or a verification on every channel but public ones.

    Unlike the other stages this one does I/O in `handle`: drawing a page and writing it to the store is the work.
    Everything follows from the event, so a replay draws the same bytes, writes the same object and says the same.
    Raises `TransientError` when the store is away. `withdrawals` is followed between batches: what came behind
    CANCELLED is no answer.
    """

    name = "reporting"

    def __init__(
        self,
        renderer: Renderer,
        store: ReportStore,
        terms: SlipTerms,
        lane: Lane,
        *,
        withdrawals: Withdrawals | None = None,
    ) -> None:
        self._renderer = renderer
        self._store = store
        self._terms = terms
        self._lane = lane
        self._withdrawals = Withdrawals() if withdrawals is None else withdrawals

    def handle(self, batch: Sequence[Resulted]) -> list[Outcome]:
        """One outcome for each event, in their order."""
        return [self._outcome(result) for result in batch]

    def _outcome(self, result: Resulted) -> Outcome:
        if (silence := no_slip_because(result)) is not None:
            return Outcome(silence=silence)
        if self._withdrawals.have_ended(result.valuation_id, supersedes=result.supersedes):
            return Outcome(silence=WITHDRAWN)
        return Outcome(outputs=(Output(topic=REPORTS, lane=self._lane, event=self._issue(result)),))

    def _issue(self, result: Resulted) -> Reported:
        drawn = slip(result, self._terms)
        rendered = self._renderer.render(drawn.content, issued_at_s=int(result.resulted_at.timestamp()))
        stored = self._store.put(rendered.pdf)
        return Reported(
            valuation_id=result.valuation_id,
            revision=result.revision,
            channel=result.channel,
            client_request_id=result.client_request_id,
            report_no=drawn.report_no,
            verification_code=drawn.verification_code,
            uri=stored.uri,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            pages=rendered.pages,
            media_type=MEDIA_TYPE,
            template_version=self._renderer.template_version,
            contract_ref=self._terms.contract_ref,
            issued_at=result.resulted_at,
            business_ref=result.business_ref,
            embed_target=result.embed_target,
            supersedes_report_no=result.supersedes,
        )


def no_slip_because(result: Resulted) -> str | None:
    """Why an answer gets no report; `None` when it gets one."""
    if result.status not in _WITH_A_SLIP:
        return f"no report for {result.status}"
    if kind_of(result) is None:
        return "no report without a value"
    channel = find(result.channel)
    if channel is None or channel.profile is Profile.PUBLIC:
        return "no report on a public channel"
    return None
