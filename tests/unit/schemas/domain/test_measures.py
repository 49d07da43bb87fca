"""Measures against the worked tables of the IAAO Standard on Ratio Studies, and by hand at the borders."""

import math

import numpy as np
import pytest

from schemas.domain.measures import (
    ape,
    bias,
    calibration_error,
    cod,
    interval_coverage,
    mdape,
    measure,
    ppe,
    ppe_among_surest,
    prb,
    prd,
    wilson,
)

# IAAO Standard on Ratio Studies, table 1-1: 36 sales; appraised value, sale price.
TABLE_1_1 = (
    (48000, 138000), (28800, 59250), (78400, 157500), (39840, 74400), (68160, 114900), (94400, 159000), (67200, 111900),
    (56960, 93000), (87200, 138720), (38240, 59700), (96320, 146400), (67680, 99000), (32960, 47400), (50560, 70500),
    (61360, 78000), (47360, 60000), (58080, 69000), (47040, 55500), (136000, 154500), (103200, 109500), (59040, 60000),
    (168000, 168000), (128000, 124500), (132000, 127500), (160000, 150000), (160000, 141000), (200000, 171900),
    (184000, 157500), (160000, 129600), (157200, 126000), (99200, 77700), (200000, 153000), (64000, 48750),
    (192000, 144000), (190400, 141000), (65440, 48000),
)  # fmt: skip
# The same, table 1-4: 17 sales; COD 14.5, PRD 0.98, PRB 0.135.
TABLE_1_4 = (
    (87200, 138720), (38240, 59700), (96320, 146400), (68610, 99000), (32960, 47400), (50560, 70500), (61360, 78000),
    (47360, 60000), (56580, 69000), (47040, 55500), (136000, 154500), (98000, 109500), (56000, 60000), (159100, 168000),
    (128000, 124500), (132000, 127500), (160000, 150000),
)  # fmt: skip


def columns(table):
    return tuple(np.array(column, float) for column in zip(*table, strict=True))


def test_the_published_table_of_17_sales_is_reproduced():
    v, a = columns(TABLE_1_4)
    assert round(cod(v, a), 1) == 14.5
    assert round(prd(v, a), 2) == 0.98
    assert round(prb(v, a)[0], 3) == 0.135


def test_the_published_table_of_36_sales_is_reproduced():
    v, a = columns(TABLE_1_1)
    assert round(float(np.mean(v / a)), 3) == 0.900
    assert round(bias(v, a) + 1, 3) == 0.864
    assert round(cod(v, a), 1) == 29.8
    assert round(prd(v, a), 2) == 0.98


def test_equal_ratios_disperse_nothing():
    a = np.array([100.0, 250.0, 900.0])
    figures = measure(1.1 * a, a)
    assert figures.cod == pytest.approx(0, abs=1e-9)
    assert figures.prd == pytest.approx(1)
    assert figures.prb == pytest.approx(0, abs=1e-9)
    assert figures.bias == pytest.approx(0.1)


def test_one_outlier_moves_the_dispersion_and_not_the_median():
    a = np.full(9, 100.0)
    v = np.array([100.0] * 8 + [200.0])
    assert mdape(v, a) == 0
    assert bias(v, a) == 0
    assert cod(v, a) == pytest.approx(100 / 9)


def test_two_items_have_no_slope():
    slope, half = prb([100, 110], [100, 100])
    assert math.isnan(slope)
    assert math.isnan(half)
    assert measure([100, 110], [100, 100]).as_json()["prb"] is None


def test_the_slope_by_hand():
    # Ratios rise by 0.1 of the median for each doubling of value: 1.0 at 100, 1.1 at 200, 1.2 at 400 …
    price = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])
    ratio = np.array([1.0, 1.1, 1.2, 1.3, 1.4])
    slope, half = prb(price * ratio, price)
    middle = 1.2
    x = np.log2(0.5 * price * ratio / middle + 0.5 * price)
    assert slope == pytest.approx(np.polyfit(x, ratio / middle - 1, 1)[0])
    assert 0 < half < 0.01


def test_ten_per_cent_off_is_within_ten_per_cent():
    assert list(ape([110, 90, 111], [100, 100, 100]).round(6)) == [0.1, 0.1, 0.11]
    assert ppe([110, 90, 111], [100, 100, 100], 0.10) == pytest.approx(2 / 3)


def test_the_reference_is_the_denominator():
    assert ape([50], [100])[0] == 0.5
    assert ape([100], [50])[0] == 1.0


def test_all_faults_are_named_at_once():
    with pytest.raises(ValueError, match=r"2 estimates.*3 references; 1 estimates.*positive; 2 references.*positive"):
        measure([1.0, math.nan], [0.0, 5.0, -1.0])
    with pytest.raises(ValueError, match="no items"):
        mdape([], [])


def test_wilson_by_the_formula():
    low, high = wilson(800, 1000)
    assert (round(low, 4), round(high, 4)) == (0.7741, 0.8236)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0
    assert 0.7 < wilson(10, 10)[0] < 1


def test_interval_coverage_counts_the_borders():
    assert interval_coverage([90, 90, 90], [110, 110, 110], [90, 110, 111]) == pytest.approx(2 / 3)


def test_calibration_error_is_the_mean_gap_by_count():
    assert calibration_error([0.8] * 10, [1] * 8 + [0] * 2) == pytest.approx(0)
    assert calibration_error([0.9] * 5 + [0.5] * 5, [1] * 5 + [0] * 5) == pytest.approx((0.1 + 0.5) / 2)
    assert calibration_error([1.0], [1]) == 0


def test_the_surest_half_is_taken_by_chance():
    errors, chances = [0.01, 0.3, 0.02, 0.4], [0.9, 0.2, 0.8, 0.1]
    assert ppe_among_surest(errors, chances, 0.5) == 1
    assert ppe_among_surest(errors, chances, 1.0) == 0.5
