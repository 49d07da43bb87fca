"""A change of the policy is proposed, previewed and approved by two other people; then running workers take it over."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from schemas.domain.staff import folded, staff_number
from schemas.events import PolicyApproval, PolicyProposed
from streams.routing.policy import Policy, PolicyError, parse
from streams.routing.policy_file import PolicyFile
from streams.runtime.stage import Change

APPROVALS: Final = 2


class ProposalError(ValueError):
    """A proposal or an approval is refused. Says why."""


def proposed(
    content: str, *, by: str, reason: str, at: datetime, preview: str = "", base_sha256: str = ""
) -> PolicyProposed:
    """A proposal that nobody has approved yet, made in sight of the policy whose text has `base_sha256`.

    Raises `PolicyError` for a faulty policy, `ProposalError` otherwise.
    """
    if not by.strip() or not reason.strip():
        raise ProposalError("say who proposes (--by) and why (--reason); both are kept")
    policy = parse(content.encode())
    return PolicyProposed(
        proposal_id=f"{at:%Y%m%d%H%M%S}-{policy.sha256[:8]}",
        content=content,
        sha256=policy.sha256,
        reason=reason,
        by=_staff_number(by),
        at=at,
        preview=preview,
        base_sha256=base_sha256,
    )


def approved(proposal: PolicyProposed, *, by: str, at: datetime, standing_sha256: str) -> PolicyProposed:
    """The proposal with one more approval. Raises `ProposalError` where that person may not, or need not, approve.

    `standing_sha256` is of the policy approved last, else the file's: a proposal made in sight of another one would
    take back, unseen, what was approved since.
    """
    if not by.strip():
        raise ProposalError("say who approves (--by)")
    person = _staff_number(by)
    if person == folded(proposal.by):
        raise ProposalError(f"{person} proposed {proposal.proposal_id} and cannot approve it: two others must")
    if person in {folded(approval.by) for approval in proposal.approvals}:
        raise ProposalError(f"{person} has approved {proposal.proposal_id} already; somebody else must too")
    if approved_at(proposal) is not None:
        raise ProposalError(f"{proposal.proposal_id} is approved already; nobody else need approve it")
    if proposal.base_sha256 and proposal.base_sha256 != standing_sha256:
        raise ProposalError(
            f"{proposal.proposal_id} was made when the policy {proposal.base_sha256[:8]} stood; now "
            f"{standing_sha256[:8]} does, and would be taken back unseen: propose the change anew, from that text"
        )
    return replace(proposal, approvals=(*proposal.approvals, PolicyApproval(by=person, at=at)))


def approved_at(proposal: PolicyProposed) -> datetime | None:
    """When the second of two other people approved; `None` while they have not, or for a text that was altered."""
    if hashlib.sha256(proposal.content.encode()).hexdigest() != proposal.sha256:
        return None
    first: dict[str, datetime] = {}
    for approval in sorted(proposal.approvals, key=lambda one: one.at):
        person = folded(approval.by)
        if person and person != folded(proposal.by):
            first.setdefault(person, approval.at)
    times = sorted(first.values())
    return times[APPROVALS - 1] if len(times) >= APPROVALS else None


def _staff_number(by: str) -> str:
    try:
        return staff_number(by)
    except ValueError as error:
        raise ProposalError(f"--by: {error}") from error


class Proposals:
    """A `ReferenceView`: every proposal with all approvals ever given, whichever of two records was written last."""

    def __init__(self, proposals: Iterable[PolicyProposed] = ()) -> None:
        """`proposals` as they lie on the topic, the oldest first."""
        self._known: dict[str, PolicyProposed] = {}
        self._policies: dict[str, Policy | str] = {}
        self._approved: tuple[PolicyProposed, ...] = ()  # the last approved first
        for proposal in proposals:
            self._take(proposal)

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take records in. Nothing is ever deleted."""
        for change in changes:
            if isinstance(change.event, PolicyProposed):
                self._take(change.event)

    def all(self) -> tuple[PolicyProposed, ...]:
        """Every proposal, the oldest first."""
        return tuple(self._known.values())

    def find(self, proposal_id: str) -> PolicyProposed | None:
        """A proposal by its id."""
        return self._known.get(proposal_id)

    def is_approved(self, sha256: str) -> bool:
        """Whether two people approved exactly this text."""
        return any(one.sha256 == sha256 for one in self._approved)

    def in_force(self, today: date) -> Policy | None:
        """The policy approved last of those whose day has come; `None` where there is none."""
        usable = (policy for policy in map(self._parsed, self._approved) if isinstance(policy, Policy))
        return next((policy for policy in usable if policy.effective_from <= today), None)

    def approved_last(self) -> Policy | None:
        """The policy approved last, whether or not its day has come; `None` where there is none."""
        usable = (policy for policy in map(self._parsed, self._approved) if isinstance(policy, Policy))
        return next(usable, None)

    def problems(self) -> tuple[str, ...]:
        """Approved texts that this release cannot read."""
        return tuple(policy for policy in map(self._parsed, self._approved) if isinstance(policy, str))

    def _parsed(self, proposal: PolicyProposed) -> Policy | str:
        if proposal.proposal_id not in self._policies:
            try:
                self._policies[proposal.proposal_id] = parse(proposal.content.encode())
            except PolicyError as error:
                self._policies[proposal.proposal_id] = f"approved proposal {proposal.proposal_id} is not used: {error}"
        return self._policies[proposal.proposal_id]

    def _take(self, proposal: PolicyProposed) -> None:
        before = self._known.get(proposal.proposal_id)
        if before is None:
            self._known[proposal.proposal_id] = proposal
        elif before.sha256 == proposal.sha256:
            together = dict.fromkeys((*before.approvals, *proposal.approvals))
            self._known[proposal.proposal_id] = replace(before, approvals=tuple(together))
        dated = [(at, one) for one in self._known.values() if (at := approved_at(one)) is not None]
        self._approved = tuple(one for _, one in sorted(dated, key=lambda pair: pair[0], reverse=True))


class PolicyInForce:
    """The policy a stage decides by: the one approved last, and as long as there is none the file's.

    Call it between batches. A `file` that accepts only what `proposals.is_approved` refuses to change without two
    people; the one it started with it uses, for something must be there before anything can be approved.
    """

    def __init__(self, file: PolicyFile, proposals: Proposals, today: Callable[[], date]) -> None:
        self._file, self._proposals, self._today = file, proposals, today

    def __call__(self) -> Policy:
        """The policy in force."""
        from_file = self._file()
        approved_last = self._proposals.in_force(self._today())
        return from_file if approved_last is None else approved_last

    @property
    def problems(self) -> tuple[str, ...]:
        """What is worked around: a refused file, an approved text that cannot be read."""
        of_file = () if self._file.problem is None else (self._file.problem,)
        return (*of_file, *self._proposals.problems())
