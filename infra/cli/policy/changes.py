"""`avm policy dry-run|propose|approve|proposals`: changing the policy, with a look at what it would have changed."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.cli.policy.figures import figures_from_outside, scored_lately
from infra.cli.policy.files import AsJson
from infra.cli.policy_office import (
    policy_in_force,
    policy_standing,
    proposals_on,
    read_policy,
    standings_on,
    write_proposal,
)
from infra.settings import Settings
from schemas.domain.texts import REASON_TEXTS, reason_text
from schemas.events import PolicyProposed
from streams.routing.policy import Policy
from streams.routing.proposals import APPROVALS, ProposalError, approved, approved_at, proposed
from streams.routing.rehearsal import Rehearsal, rehearse
from streams.routing.standings import Standings

_PREVIEW: Final = timedelta(days=30)


def dry_run(
    file: Annotated[Path, typer.Argument(help="The policy to rehearse.")],
    hours: Annotated[float, typer.Option(help="How far back, by the time of scoring.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Show what a policy would have decided on what was scored lately, beside the one in force. Changes nothing."""
    settings, new = settings_in_force(), read_policy(file)
    in_force = policy_in_force(settings)
    outcome = _rehearsed(settings, in_force, new, timedelta(hours=hours))
    if as_json:
        print(json.dumps({"before": in_force.version, "after": new.version, **asdict(outcome)}, ensure_ascii=False))
    else:
        _print(outcome, in_force, new)


def propose(
    file: Annotated[Path, typer.Argument(help="The policy that shall take effect.")],
    by: Annotated[str, typer.Option("--by", help="Who proposes: a staff number, no name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the proposal.")],
    as_json: AsJson = False,
) -> None:
    """Propose a policy. Shows what it would have changed in the last 30 days; takes effect when two others approve."""
    settings, new = settings_in_force(), read_policy(file)
    in_force = policy_in_force(settings)
    outcome = _rehearsed(settings, in_force, new, _PREVIEW)
    preview = {"before": in_force.version, "after": new.version, **asdict(outcome)}
    proposal = _or_refuse(
        lambda: proposed(
            file.read_text(encoding="utf-8"),
            by=by,
            reason=reason,
            at=utc_now(),
            preview=json.dumps(preview, ensure_ascii=False),
            base_sha256=policy_standing(settings).sha256,
        )
    )
    write_proposal(proposal, settings)
    if not as_json:
        _print(outcome, in_force, new)
    _tell([proposal], as_json=as_json)


def approve(
    proposal_id: Annotated[str, typer.Argument(help="As `avm policy proposals` lists it.")],
    by: Annotated[str, typer.Option("--by", help="Who approves: a staff number, no name.")],
    as_json: AsJson = False,
) -> None:
    """Approve a proposed policy. With the second approval running workers take it over, once its day has come."""
    settings = settings_in_force()
    proposal = proposals_on(settings).find(proposal_id)
    if proposal is None:
        raise CommandError(f"there is no proposal {proposal_id!r}; `avm policy proposals` lists them")
    standing = policy_standing(settings).sha256
    with_mine = _or_refuse(lambda: approved(proposal, by=by, at=utc_now(), standing_sha256=standing))
    write_proposal(with_mine, settings)
    _tell([with_mine], as_json=as_json)


def proposals(as_json: AsJson = False) -> None:
    """List all proposed policies with who approved them; the one that was approved last is in force."""
    _tell(proposals_on(settings_in_force()).all(), as_json=as_json)


# ---- inside ---------------------------------------------------------------------------------------------------------


def _or_refuse(make: Callable[[], PolicyProposed]) -> PolicyProposed:
    try:
        return make()
    except ProposalError as error:
        raise CommandError(str(error)) from error


def _rehearsed(settings: Settings, before: Policy, after: Policy, span: timedelta) -> Rehearsal:
    state_of = Standings(standings_on(settings)).state_of
    prices = figures_from_outside(settings)
    return rehearse(scored_lately(settings, span), before, after, unit_prices=prices, state_of=state_of)


def _tell(told: Iterable[PolicyProposed], *, as_json: bool) -> None:
    rows = [_row(one) for one in told]
    if as_json:
        print(json.dumps({"proposals": rows}, ensure_ascii=False))
        return
    table = Table("proposal", "policy", "by", "reason", "approved by", "state")
    for row in rows:
        approvals = ", ".join(row["approved_by"])
        table.add_row(row["proposal_id"], row["sha256"][:8], row["by"], row["reason"], approvals, row["state"])
    Console().print(table)


def _row(proposal: PolicyProposed) -> Mapping[str, Any]:
    at = approved_at(proposal)
    return {
        "proposal_id": proposal.proposal_id,
        "sha256": proposal.sha256,
        "by": proposal.by,
        "reason": proposal.reason,
        "proposed_at": proposal.at.isoformat(),
        "approved_by": [approval.by for approval in proposal.approvals],
        "state": f"waits for {APPROVALS} approvals" if at is None else f"approved at {at:%Y-%m-%d %H:%M:%S}Z",
        "preview": json.loads(proposal.preview) if proposal.preview else None,
    }


def _print(outcome: Rehearsal, before: Policy, after: Policy) -> None:
    table = Table("", before.version, after.version, title=f"{outcome.valuations} valuations")
    all_of_them = outcome.valuations
    table.add_row("automatic", *(_share(n, all_of_them) for n in (outcome.automatic_before, outcome.automatic_after)))
    known = (
        (outcome.within_10_before, outcome.compared_before),
        (outcome.within_10_after, outcome.compared_after),
    )
    table.add_row("within 10 %, where known", *("-" if share is None else f"{share:.1%} of {n}" for share, n in known))
    most_first = Counter(outcome.reasons_after)
    most_first.update(dict.fromkeys(outcome.reasons_before, 0))
    for code, _ in most_first.most_common():
        said = f"{code} {reason_text(code)}" if code in REASON_TEXTS else code
        table.add_row(said, str(outcome.reasons_before.get(code, 0)), str(outcome.reasons_after.get(code, 0)))
    Console().print(table)
    print(f"newly automatic: {outcome.newly_automatic}; newly to a person: {outcome.newly_reviewed}")


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})" if whole else "0"
