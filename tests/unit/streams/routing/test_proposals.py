import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.catalogue import PROPOSALS
from streams.routing import proposals as office
from streams.routing.policy import PolicyError
from streams.routing.policy_file import DEFAULT_POLICY, PolicyFile
from streams.routing.proposals import PolicyInForce, ProposalError, Proposals, approved_at, proposed
from streams.runtime.stage import Change

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
MINUTE = timedelta(minutes=1)
SHIPPED = DEFAULT_POLICY.read_text(encoding="utf-8")


def proposal(version: str, **changes):
    text = SHIPPED.replace('version = "2026-11"', f'version = "{version}"')
    return replace(proposed(text, by="s-1", reason="curve of October", at=NOW), **changes)


def approved(made, *, by, at, standing_sha256=""):
    return office.approved(made, by=by, at=at, standing_sha256=standing_sha256)


def twice_approved(version: str, at: datetime = NOW):
    return approved(approved(proposal(version), by="s-2", at=at), by="s-3", at=at + MINUTE)


@pytest.fixture
def policy_file(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(SHIPPED, encoding="utf-8")
    return path


def in_force(path, proposals, **more) -> PolicyInForce:
    """Looks at the file each time it is called: two seconds have always passed."""
    file = PolicyFile(path, lambda: TODAY, iter(range(0, 1_000, 2)).__next__, **more)
    return PolicyInForce(file, proposals, lambda: TODAY)


@pytest.mark.requirement("RT3")
def test_a_proposal_takes_effect_with_the_approvals_of_two_other_people(policy_file):
    proposals = Proposals()
    policy = in_force(policy_file, proposals)
    steps = [proposal("new")]
    steps += [approved(steps[0], by="s-2", at=NOW)]
    steps += [approved(steps[1], by="s-3", at=NOW + MINUTE)]
    seen = []
    for step in steps:
        proposals.apply([Change(topic=PROPOSALS, key=step.proposal_id, event=step)])
        seen.append(policy().version)
    assert seen == ["2026-11", "2026-11", "new"]
    assert policy.problems == ()


@pytest.mark.requirement("RT3")
def test_neither_the_proposer_nor_one_person_twice_can_approve():
    made = proposal("new")
    with pytest.raises(ProposalError, match="cannot approve it"):
        approved(made, by="s-1", at=NOW)
    once = approved(made, by="s-2", at=NOW)
    with pytest.raises(ProposalError, match="already"):
        approved(once, by="s-2", at=NOW)
    for spelling in ("S-2", " s-2 ", "ｓ-2"):
        with pytest.raises(ProposalError, match="already"):
            approved(once, by=spelling, at=NOW)
    with pytest.raises(ProposalError, match="cannot approve it"):
        approved(made, by="ｓ-1", at=NOW)
    spelled = tuple(replace(once.approvals[0], by=by) for by in ("s-2", "S-2 ", "ｓ-2"))
    assert approved_at(replace(once, approvals=spelled)) is None
    forged = replace(once, approvals=(*once.approvals, *once.approvals, replace(once.approvals[0], by="s-1")))
    assert approved_at(forged) is None


@pytest.mark.requirement("RT3")
def test_a_proposal_made_before_another_was_approved_cannot_take_that_one_back():
    made = proposal("old idea", base_sha256=hashlib.sha256(SHIPPED.encode()).hexdigest())
    once = approved(made, by="s-2", at=NOW, standing_sha256=made.base_sha256)
    newer = twice_approved("newer")
    standing = Proposals([newer]).approved_last()
    with pytest.raises(ProposalError, match="propose the change anew"):
        approved(once, by="s-3", at=NOW, standing_sha256=standing.sha256)
    again = replace(made, base_sha256=standing.sha256)
    assert approved(again, by="s-3", at=NOW, standing_sha256=standing.sha256).approvals[0].by == "S-3"


def test_a_policy_approved_for_a_later_day_is_what_a_change_would_replace():
    text = SHIPPED.replace("effective_from = 2026-11-01", "effective_from = 2026-12-01")
    later = proposed(text, by="s-1", reason="r", at=NOW)
    later = approved(approved(later, by="s-2", at=NOW), by="s-3", at=NOW)
    proposals = Proposals([later])
    assert proposals.in_force(TODAY) is None
    assert proposals.approved_last().sha256 == later.sha256
    with pytest.raises(ProposalError, match="approved already"):
        approved(later, by="s-4", at=NOW)


def test_a_name_is_no_staff_number():
    with pytest.raises(ProposalError, match="no staff number"):
        proposed(SHIPPED, by="王", reason="r", at=NOW)


def test_two_approvals_given_in_the_same_moment_both_count():
    made = proposal("new")
    proposals = Proposals([made, approved(made, by="s-2", at=NOW), approved(made, by="s-3", at=NOW)])
    assert proposals.in_force(TODAY).version == "new"


@pytest.mark.requirement("RT3")
def test_a_text_that_was_altered_after_the_approvals_is_not_the_approved_one():
    real = twice_approved("new")
    altered = replace(real, content=real.content.replace("min_p10 = 0.55", "min_p10 = 0.05"))
    assert approved_at(altered) is None
    assert Proposals([altered]).in_force(TODAY) is None


def test_of_several_approved_policies_the_one_approved_last_counts_once_its_day_has_come():
    old, new = twice_approved("old"), twice_approved("new", NOW + 5 * MINUTE)
    assert Proposals([new, old]).in_force(TODAY).version == "new"
    text = new.content.replace("effective_from = 2026-11-01", "effective_from = 2026-12-01")
    later = proposed(text, by="s-1", reason="r", at=NOW)
    later = approved(approved(later, by="s-2", at=NOW + 9 * MINUTE), by="s-3", at=NOW + 9 * MINUTE)
    proposals = Proposals([old, later])
    assert proposals.in_force(TODAY).version == "old"
    assert proposals.in_force(date(2026, 12, 1)).version == "new"


def test_a_faulty_policy_cannot_be_proposed_and_a_proposal_needs_a_person_and_a_reason():
    with pytest.raises(PolicyError, match="audit_share is missing"):
        proposed(SHIPPED.replace("audit_share", "audit"), by="s-1", reason="r", at=NOW)
    for missing in ({"by": " "}, {"reason": ""}):
        with pytest.raises(ProposalError):
            proposed(SHIPPED, **({"by": "s-1", "reason": "r", "at": NOW} | missing))


@pytest.mark.requirement("RT3", "RT9")
def test_a_changed_file_nobody_approved_is_refused_where_that_is_asked_for(policy_file):
    proposals = Proposals()
    policy = in_force(policy_file, proposals, accepts=lambda one: proposals.is_approved(one.sha256))
    made = proposal("new")
    policy_file.write_bytes(made.content.encode())
    assert policy().version == "2026-11"
    assert "was not approved by two people" in policy.problems[0]
    once = approved(made, by="s-2", at=NOW)
    twice = approved(once, by="s-3", at=NOW)
    proposals.apply([Change(topic=PROPOSALS, key=one.proposal_id, event=one) for one in (once, twice)])
    assert policy().version == "new"
    assert policy.problems == ()


def test_an_approved_text_this_release_cannot_read_is_said_and_worked_around(policy_file):
    odd = replace(twice_approved("new"), content="no toml", sha256=hashlib.sha256(b"no toml").hexdigest())
    policy = in_force(policy_file, Proposals([odd]))
    assert policy().version == "2026-11"
    assert "is not used" in policy.problems[0]
