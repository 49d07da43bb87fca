import csv
import json

import httpx
import pytest

from infra.cli.revaluation import RevaluationListError, as_table

KNOWN = {
    "result": {
        "address_entered": "杭州市西湖区文三路1号",
        "area_m2": "89.50",
        "business_ref": "B-1",
        "value": 4_475_000,
        "value_date": "2026-03-02",
    },
    "reports": [{"report_no": "HV-2"}, {"report_no": "HV-1"}],
}


@pytest.fixture
def ledger():
    def answer(request):
        known = request.url.path.endswith("/v-1")
        return httpx.Response(200, json=KNOWN) if known else httpx.Response(404)

    with httpx.Client(base_url="http://ledger", transport=httpx.MockTransport(answer)) as client:
        yield client


def a_list(tmp_path, content):
    path = tmp_path / "affected.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.requirement("BA3", "RT7")
def test_a_list_of_values_to_revalue_becomes_a_file_with_their_former_values(tmp_path, ledger):
    table = tmp_path / "affected.csv"
    assert as_table(a_list(tmp_path, {"affected": [{"valuation_id": "v-1", "value": 1}]}), table, ledger) == 1
    (row,) = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
    assert row == {
        "原估值编号": "v-1", "地址": "杭州市西湖区文三路1号", "建筑面积": "89.50", "业务编号": "B-1", "机构号": "",
        "贷款阶段": "OTHER", "上次估值": "4475000", "上次估值日期": "2026-03-02", "原报告编号": "HV-2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("no json", "is no list"),
        ({"rows": []}, "is no list"),
        ({"affected": [{"valuation_id": "v-9"}]}, "has no valuation v-9"),
    ],
)
def test_a_list_that_cannot_be_used_leaves_no_table_behind(tmp_path, ledger, content, says):
    with pytest.raises(RevaluationListError, match=says):
        as_table(a_list(tmp_path, content), tmp_path / "affected.csv", ledger)
    assert not (tmp_path / "affected.csv").exists()
