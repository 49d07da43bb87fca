from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from producers.gateway.arrivals import State
from producers.gateway.ports import Archived
from schemas.events import ReportRevoked
from tests.fakes.answers import NOON, a_report, a_request, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import STAFF, get, refusal

PDF = b"%PDF-1.7 report"
REPORT = a_report(a_request(), PDF)
NUMBER = REPORT.report_no


def a_house_with_a_report(**answer):
    house = a_house()
    house.ledger.reports[NUMBER] = REPORT
    house.reports.contents[REPORT.uri] = PDF
    state = State(result=an_answer(a_request(), **answer), report=REPORT)
    house.ledger.valuations[STAFF] = Archived(channel="CREDIT_MGMT", state=state)
    return house


def revoke(house):
    house.ledger.revocations[NUMBER] = ReportRevoked(
        valuation_id=STAFF,
        report_no=NUMBER,
        channel="CREDIT_MGMT",
        reason="DATA_ERROR",
        revoked_at=NOON,
        replaced_by="HV-2",
    )


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(("path", "channel"), [("/v1/reports/{}", "NET_BANK"), ("/verify/{}/report", None)])
async def test_the_archived_file_is_handed_out_by_number_and_code_together(path, channel):
    house = a_house_with_a_report()
    good = await get(house, path.format(NUMBER) + "?code=K7Q2", channel=channel)
    assert (good.status_code, good.content, good.headers["content-type"]) == (200, PDF, "application/pdf")
    assert good.headers["etag"] == f'"{REPORT.sha256}"'
    for wrong in (f"{path.format(NUMBER)}?code=XXXX", f"{path.format('HV-1')}?code=K7Q2"):
        assert refusal(await get(house, wrong, channel=channel)) == (404, "not-found", {})
    missing = await get(house, path.format(NUMBER), channel=channel)
    assert refusal(missing) == (422, "invalid-request", {"code": "MISSING"})


@pytest.mark.requirement("RP6")
async def test_a_revoked_report_says_so_on_its_page_and_on_its_file():
    house = a_house_with_a_report()
    revoke(house)
    file = await get(house, f"/v1/reports/{NUMBER}?code=K7Q2")
    assert (file.status_code, file.headers["X-Report-Status"]) == (200, "revoked")
    page = await get(house, f"/verify/{NUMBER}?code=K7Q2", channel=None)
    assert "已作废" in page.text
    assert "HV-2" in page.text


BY_NUMBER = f"/v1/reports/{NUMBER}?code=K7Q2"
BY_VALUATION = f"/v1/valuations/{STAFF}/report"
WAYS = [
    (BY_NUMBER, "CREDIT_MGMT"),
    (BY_VALUATION, "CREDIT_MGMT"),
    (f"/verify/{NUMBER}/report?code=K7Q2", None),
]


@pytest.mark.requirement("RP6")
@pytest.mark.parametrize(("path", "channel"), WAYS)
async def test_a_revoked_report_goes_out_marked_whichever_way_it_is_fetched(path, channel):
    house = a_house_with_a_report()
    before = await get(house, path, channel=channel)
    assert (before.content, before.headers.get("X-Report-Status")) == (PDF, None)
    revoke(house)
    after = await get(house, path, channel=channel)
    assert after.content == PDF + " 已作废 DATA_ERROR".encode()
    assert after.headers["X-Report-Status"] == "revoked"
    assert after.headers["etag"] == f'"{sha256(after.content).hexdigest()}"'


@pytest.mark.requirement("RP6")
@pytest.mark.parametrize("path", [f"{BY_NUMBER}&original=true", f"{BY_VALUATION}?original=true"])
async def test_staff_alone_may_have_a_revoked_report_as_it_was_issued(path):
    house = a_house_with_a_report()
    revoke(house)
    original = await get(house, path)
    assert (original.content, original.headers["etag"]) == (PDF, f'"{REPORT.sha256}"')
    assert original.headers["X-Report-Status"] == "revoked"
    assert refusal(await get(house, path, channel="NET_BANK"))[0] == 403


@pytest.mark.requirement("RP6")
@pytest.mark.parametrize(("path", "channel"), WAYS)
async def test_a_revoked_report_that_cannot_be_marked_does_not_go_out_unmarked(path, channel):
    old = b"a report of an older release"
    report = replace(REPORT, sha256=sha256(old).hexdigest())
    house = a_house_with_a_report()
    house.ledger.reports[NUMBER], house.reports.contents[REPORT.uri] = report, old
    state = State(result=an_answer(a_request()), report=report)
    house.ledger.valuations[STAFF] = Archived(channel="CREDIT_MGMT", state=state)
    assert (await get(house, path, channel=channel)).status_code == 200
    revoke(house)
    assert (await get(house, path, channel=channel)).status_code == 500


@pytest.mark.requirement("RP1")
async def test_the_page_says_that_a_value_has_expired():
    yesterday = (NOON - timedelta(days=1)).date()
    house = a_house_with_a_report(valid_until=yesterday)
    assert "已过有效期" in (await get(house, f"/verify/{NUMBER}?code=K7Q2", channel=None)).text
    today = a_house_with_a_report(valid_until=NOON.date())
    assert "当前有效" in (await get(today, f"/verify/{NUMBER}?code=K7Q2", channel=None)).text


async def test_without_the_ledger_nothing_is_said_of_a_report():
    house = a_house_with_a_report()
    house.ledger.away = True
    for path in (
        BY_VALUATION,
        f"/v1/reports/{NUMBER}?code=K7Q2",
        f"/verify/{NUMBER}/report?code=K7Q2",
        f"/verify/{NUMBER}?code=K7Q2",
    ):
        assert (await get(house, path)).status_code == 503


async def test_a_file_that_is_not_what_was_announced_is_not_handed_out():
    house = a_house_with_a_report()
    house.reports.contents[REPORT.uri] = b"%PDF-1.7 forged"
    assert (await get(house, f"/verify/{NUMBER}/report?code=K7Q2")).status_code == 500


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(
    ("path", "channel"), [("/v1/reports/{}", "NET_BANK"), ("/verify/{}/report", None), ("/verify/{}", None)]
)
async def test_a_number_and_a_code_read_off_the_paper_are_known_however_they_are_typed(path, channel):
    house = a_house()
    issued = replace(REPORT, report_no="GJ-20261124-7Q2K-9XMD-04VN-1", verification_code="7Q2K-9XMD-01VN")
    house.ledger.reports[issued.report_no] = issued
    house.reports.contents[issued.uri] = PDF
    typed = path.format("gj20261124 7q2k9xmd o4vn 1")
    answer = await get(house, f"{typed}?code=7q2k 9xmd olvn", channel=channel)
    assert answer.status_code == 200
    if answer.headers["content-type"].startswith("text/html"):
        assert f"/verify/{issued.report_no}/report?code=7Q2K-9XMD-01VN" in answer.text
    assert (await get(house, f"{typed}?code=7q2k 9xmd olvm", channel=channel)).status_code == 404
