"""The city of the asking branch: a hint for an address that names none (AD6)."""

from datetime import date

import pytest

from schemas.codes import Reason, Status
from schemas.domain.divisions import divisions
from schemas.events import Enriched
from streams.enrichment.coverage import CoverageTable

_NOWHERE = "阳光花园3号楼2单元501室"  # in two districts of Beijing and one of Nanjing


@pytest.fixture
def view(a_view, a_row, a_community):
    communities = (a_community("b", "阳光花园"), a_community("n", "阳光花园", "高淳区", "南京市", province="江苏省"))
    rows = [
        a_row("110105", branch_code="BJ-01"),
        a_row("320118", branch_code="NJ-01"),
        a_row("110108", branch_code="TWO"),
        a_row("320106", branch_code="TWO"),
    ]
    return a_view(communities, rows)


@pytest.mark.requirement("AD6")
def test_the_branch_makes_the_communities_of_its_city_likelier(answer_to, view):
    without = answer_to(_NOWHERE, view)
    assert without.status is Status.NEEDS_CLARIFICATION
    first = {}
    for branch in ("BJ-01", "NJ-01"):
        answer = answer_to(_NOWHERE, view, branch_code=branch)
        first[branch] = answer.address.candidates[0]
    assert {branch: candidate.community_id for branch, candidate in first.items()} == {"BJ-01": "b", "NJ-01": "n"}
    in_full = answer_to(f"北京市朝阳区{_NOWHERE}", view)
    assert first["BJ-01"].probability < in_full.address.probability, "a hint is worth less than a word"


@pytest.mark.requirement("AD6")
def test_a_city_that_is_written_outweighs_the_branch(answer_to, view):
    enriched = answer_to(f"北京市朝阳区{_NOWHERE}", view, branch_code="NJ-01")
    assert isinstance(enriched, Enriched)
    assert enriched.address.community_id == "b"


@pytest.mark.parametrize("branch", ["UNKNOWN", "TWO"])
def test_a_branch_that_names_no_one_city_changes_nothing(answer_to, view, branch):
    assert answer_to(_NOWHERE, view, branch_code=branch).address == answer_to(_NOWHERE, view).address


@pytest.mark.requirement("AD6", "AD3")
def test_the_city_of_a_branch_follows_the_rows_in_force(a_row):
    table = CoverageTable(divisions())
    table.put("old", a_row("110105", branch_code="B", effective_to=date(2026, 6, 30)))
    table.put("new", a_row("320106", branch_code="B", effective_from=date(2026, 7, 1)))
    assert table.city_of_branch("B", date(2026, 6, 30)) == "北京市"
    assert table.city_of_branch("B", date(2026, 7, 1)) == "南京市"
    table.remove("new")
    assert table.city_of_branch("B", date(2026, 7, 1)) is None
    assert table.city_of_branch("nobody", date(2026, 7, 1)) is None


@pytest.mark.requirement("AD6", "AD2", "AD3")
@pytest.mark.parametrize("is_covered", [True, False])
def test_a_name_known_only_far_from_the_branch_is_asked_about_and_never_refused(
    answer_to, a_view, a_row, a_community, is_covered
):
    there = [a_row("110105")] if is_covered else []
    view = a_view([a_community("b", "阳光花园")], [a_row("330106", branch_code="HZ-01"), *there])
    asked = answer_to(_NOWHERE, view, branch_code="HZ-01")
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,))
    assert "所在城市" in asked.reason_text
