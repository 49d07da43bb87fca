from datetime import date

import pytest

from schemas.codes import Automation, CoverageStatus
from schemas.domain.divisions import divisions
from streams.enrichment.coverage import CoverageTable

_DAY = date(2026, 11, 25)
_JIANGBEI, _YUBEI, _LIANGJIANG = "500105", "500112", "500157"


@pytest.fixture(name="table")
def table_maker(a_row):
    """`table(row fields by county code)`: a coverage table of those rows."""

    def make(**rows):
        table = CoverageTable(divisions())
        for code, fields in rows.items():
            table.put(code, a_row(code.removeprefix("c"), **fields))
        return table

    return make


@pytest.mark.requirement("AD3")
@pytest.mark.parametrize(
    ("listed", "asked"), [(_JIANGBEI, _LIANGJIANG), (_LIANGJIANG, _JIANGBEI), (_LIANGJIANG, _YUBEI)]
)
def test_a_county_is_covered_under_the_name_of_another_list(table, listed, asked):
    assert table(**{f"c{listed}": {}}).county(asked, _DAY).decision.county_code == listed


@pytest.mark.requirement("AD3")
def test_the_most_careful_of_several_rows_for_the_same_ground_applies(table):
    covers = table(c500105={}, c500112={"automation": Automation.HUMAN_ONLY})
    assert covers.county(_LIANGJIANG, _DAY).decision.automation is Automation.HUMAN_ONLY


@pytest.mark.requirement("AD3")
def test_a_row_of_its_own_outweighs_that_of_another_list(table):
    covers = table(c500157={}, c500105={"status": CoverageStatus.PLANNED})
    assert covers.county(_JIANGBEI, _DAY) is None
    assert covers.county(_YUBEI, _DAY) is not None


@pytest.mark.requirement("AD3")
def test_neighbours_are_not_covered_by_each_other(table):
    assert table(c500105={}).county("500103", _DAY) is None
    assert table(c500105={}).county(_YUBEI, _DAY) is None


@pytest.mark.requirement("AD3")
def test_an_old_name_is_covered_by_the_row_of_its_successor(a_view, a_row, answer_to):
    view = a_view(rows=[a_row("310106")])  # 静安区 took over 闸北区
    assert answer_to("上海市闸北区从未路18号3号楼501", view).coverage.county_code == "310106"


@pytest.mark.requirement("AD3")
def test_a_split_district_is_in_when_any_of_its_successors_is(a_view, a_row, answer_to):
    view = a_view(rows=[a_row("330102")])  # 上城区
    assert answer_to("杭州市江干区九堡街道从未家园3幢501", view).coverage.county_code == "330102"
    assert answer_to("杭州市江干区下沙街道从未家园3幢501", view).reasons == ("AREA_NOT_COVERED",)
