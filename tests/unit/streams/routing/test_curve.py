import pytest

from schemas.codes import PropertyType
from streams.routing.curve import Case, case_of, cases_of, curve, curves


def case(p10: float, deviation: float, segment: str = "北京市|RESIDENTIAL") -> Case:
    return Case(segment=segment, p10=p10, deviation=deviation)


@pytest.mark.requirement("RT3")
def test_the_surest_come_first_and_each_point_says_how_much_of_its_share_is_near():
    cases = [case(0.9, 0.05), case(0.8, -0.10), case(0.7, 0.2), case(0.6, -0.3)]
    half, whole = curve(cases, shares=(0.5, 1.0))
    assert (half.cases, half.min_p10, half.within_10, half.share) == (2, 0.8, 1.0, 0.5)
    assert (whole.cases, whole.min_p10, whole.within_10) == (4, 0.6, 0.5)
    assert whole.lower < 0.5 < whole.upper


def test_cases_of_the_same_certainty_are_let_through_together():
    (point,) = curve([case(0.9, 0.0), case(0.5, 0.0), case(0.5, 0.5)], shares=(0.5,))
    assert (point.cases, point.share) == (3, 1.0)


@pytest.mark.requirement("RT3")
def test_each_segment_has_a_curve_of_its_own_once_it_has_thirty_cases():
    many = [case(index / 100, 0.0) for index in range(30)]
    few = [case(0.5, 0.5, "北京市|COMMERCIAL")] * 29
    found = curves([*many, *few])
    assert set(found) == {"*", "北京市|RESIDENTIAL"}
    assert found["*"][-1].cases == 59
    assert found["北京市|RESIDENTIAL"][-1].within_10 == 1.0


def test_a_case_compares_unit_prices_and_knows_its_segment(scored, policy):
    shop = case_of(scored(property_type=PropertyType.SHOP), 40_000, policy)
    assert shop == Case(segment="北京市|COMMERCIAL", p10=0.80, deviation=pytest.approx(0.25))
    assert case_of(scored(valuation=None), 40_000, policy) is None


def test_only_what_has_a_figure_from_outside_becomes_a_case(scored, policy):
    known, unknown = scored(valuation_id="known"), scored(valuation_id="unknown")
    before = scored(valuation_id="known", unit_price=90_000)  # scored again later: the last one counts
    assert [one.is_near for one in cases_of([before, known, unknown], {"known": 50_000.0}, policy)] == [True]
    assert curve([]) == ()
