from math import log, nan

import numpy as np
import pytest

from schemas.domain.drift import ACT, LOOK, Drift, psi, psi_of_kinds, psi_of_shares, verdict


def test_the_index_is_the_sum_of_its_formula():
    expected = (0.4 - 0.5) * log(0.4 / 0.5) + (0.6 - 0.5) * log(0.6 / 0.5)
    assert psi_of_shares([0.5, 0.5], [0.4, 0.6]) == pytest.approx(expected) == pytest.approx(0.04055, abs=1e-5)


def test_an_empty_bin_counts_as_a_ten_thousandth():
    assert psi_of_shares([0.5, 0.5], [1.0, 0.0]) == pytest.approx(0.5 * log(2) + (1e-4 - 0.5) * log(1e-4 / 0.5))


def test_bins_hold_equal_parts_of_the_reference():
    reference = np.arange(1, 101, dtype=float)
    assert psi(reference, reference) == pytest.approx(0)
    moved = np.concatenate(
        [reference[10:], np.full(10, 100.0)]
    )  # the lowest bin is empty, the highest has twice as many
    assert psi(reference, moved) == pytest.approx((1e-4 - 0.1) * log(1e-4 / 0.1) + 0.1 * log(2))


def test_what_is_missing_is_a_bin_of_its_own():
    reference = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, nan, nan]
    assert psi(reference, reference) == pytest.approx(0)
    assert psi(reference, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]) > ACT


def test_a_reference_of_one_value_has_one_edge_and_no_fault():
    assert psi([3.0] * 20, [3.0] * 5) == pytest.approx(0)
    assert psi([3.0] * 20, [4.0] * 5) > ACT


def test_a_kind_that_was_never_seen_counts():
    assert psi_of_kinds(["a", "b"], ["a", "b", "b", "a"]) == pytest.approx(0)
    assert psi_of_kinds(["a", "a"], ["a", "c"]) == pytest.approx(-0.5 * log(0.5) + (0.5 - 1e-4) * log(0.5 / 1e-4))


@pytest.mark.parametrize(
    ("index", "expected"), [(0.0, Drift.CALM), (LOOK, Drift.LOOK), (ACT, Drift.LOOK), (0.2501, Drift.ACT)]
)
def test_a_verdict_follows_from_the_lines(index, expected):
    assert verdict(index) is expected


@pytest.mark.parametrize("call", [lambda: psi([], [1.0]), lambda: psi([nan], [1.0]), lambda: psi_of_kinds(["a"], [])])
def test_an_empty_sample_is_refused(call):
    with pytest.raises(ValueError, match="drift needs both samples"):
        call()


def test_shares_of_other_bins_are_refused():
    with pytest.raises(ValueError, match="2 reference shares stand against 1"):
        psi_of_shares([0.5, 0.5], [1.0])
