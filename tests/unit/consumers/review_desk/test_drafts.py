"""What a browser sends as a draft: kept where it can be, and else refused with the reason."""

import pytest

from consumers.review_desk.queue.drafts import LARGEST_DRAFT, storable
from consumers.review_desk.task import IncompleteCommandError

pytestmark = pytest.mark.requirement("RD5")


def test_what_the_database_cannot_keep_is_replaced_at_any_depth():
    typed = {"rationale": "a\x00b", "comparison": [{"x\x00": ["\ud800"]}]}
    assert storable(typed) == {"rationale": "a\ufffdb", "comparison": [{"x\ufffd": ["\ufffd"]}]}
    assert storable({"unit_price": 41_000, "lower": None, "taken": True}) == {
        "unit_price": 41_000,
        "lower": None,
        "taken": True,
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(IncompleteCommandError, match="不是数值"):
        storable({"comparison": [{"weight": number}]})


def test_a_draft_of_any_size_or_depth_is_not_kept():
    assert storable({"rationale": "价" * 4_000})
    with pytest.raises(IncompleteCommandError, match="64KB"):
        storable({"rationale": "价" * (LARGEST_DRAFT // 3)})
    deep: dict[str, object] = {}
    for _ in range(30):
        deep = {"in": deep}
    with pytest.raises(IncompleteCommandError, match="层次过深"):
        storable(deep)
