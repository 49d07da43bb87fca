from datetime import UTC, date, datetime

import httpx
import pytest
from fastapi import FastAPI

from producers.gateway.pages import PAGE_HEADERS, Standing, ask_page, page_routes, standing_of, verification_page
from producers.gateway.pages.printed import code_as_printed, number_as_printed
from producers.gateway.pages.site import asset_base, assets
from schemas.events import ReportRevoked
from tests.fakes.answers import a_report, a_request

REPORT = a_report(a_request())
REVOKED = ReportRevoked(
    valuation_id=REPORT.valuation_id,
    report_no=REPORT.report_no,
    channel="CREDIT_MGMT",
    reason="SUPERSEDED",
    revoked_at=datetime(2026, 3, 5, 2, tzinfo=UTC),
    replaced_by="HV-20260305-0007",
)
LAST_DAY = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("reported", "revoked", "today", "standing"),
    [
        (REPORT, None, LAST_DAY, Standing.VALID),
        (REPORT, None, date(2026, 4, 2), Standing.EXPIRED),
        (REPORT, REVOKED, date(2026, 4, 2), Standing.REVOKED),
        (None, REVOKED, LAST_DAY, Standing.UNKNOWN),
    ],
)
def test_a_report_is_worth_what_revocation_and_date_leave_of_it(reported, revoked, today, standing):
    assert standing_of(reported, revoked=revoked, valid_until=LAST_DAY, today=today) is standing
    page = verification_page("HV-1", reported, code="K7Q2", revoked=revoked, valid_until=LAST_DAY, today=today)
    assert f'data-standing="{standing}"' in page


@pytest.mark.requirement("RP6")
def test_a_revoked_report_names_its_successor_and_can_still_be_fetched():
    page = verification_page(REPORT.report_no, REPORT, code="K7Q2", revoked=REVOKED)
    assert "HV-20260305-0007" in page
    assert "该报告单已作废" in page
    assert f"/verify/{REPORT.report_no}/report?code=K7Q2" in page


def test_without_the_right_code_nothing_is_told_and_nothing_typed_becomes_markup():
    page = verification_page('"><script>1</script>', None)
    assert "<script" not in page
    assert "/report?code=" not in page
    assert REPORT.sha256 not in page


async def test_every_file_that_the_page_names_is_served_and_kept_and_none_is_inline():
    app = FastAPI()
    app.include_router(page_routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        page = await client.get("/")
        assert page.headers["content-security-policy"] == PAGE_HEADERS["Content-Security-Policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        for name in assets():
            answer = await client.get(f"{asset_base()}/{name}")
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        for path in (f"{asset_base()}/other.js", "/h5/assets/000000000000/app.js", f"{asset_base()}/..%2Fsite.py"):
            assert (await client.get(path)).status_code == 404
    for inline in ("<style", "style=", "onclick", "http://", "https://"):
        assert inline not in ask_page()
    assert ask_page().count("<script") == 1


NUMBER, CODE = "GJ-20261124-7Q2K-9XMD-04VN-12", "7Q2K-9XMD-01VN"


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        " gj-20261124-7q2k-9xmd-04vn-12 ",
        "GJ202611247Q2K9XMD04VN12",
        "GJ 2O261124 7Q2K 9XMD O4VN I2",
        "GJ—20261124—7Q2K—9XMD—04VN—l2",
        "ＧＪ－２０２６１１２４－７Ｑ２Ｋ－９ＸＭＤ－０４ＶＮ－１２",
        "报告编号：GJ-20261124-7Q2K-9XMD-04VN-12",
    ],
)
def test_a_number_is_known_however_it_was_typed(typed):
    assert number_as_printed(typed) == NUMBER


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(
    "typed", [CODE, "7q2k9xmdo1vn", "7Q2K 9XMD OLVN", "7Q2K\u30009XMD－0IVN", "验证码 7Q2K–9XMD–01VN"]
)
def test_a_code_is_known_however_it_was_typed(typed):
    assert code_as_printed(typed) == CODE


def test_a_shorter_mark_is_kept_in_one_and_what_is_not_ours_as_it_was_typed():
    assert number_as_printed("gj 20261124 krv7js5f 1") == "GJ-20261124-KRV7JS5F-1"
    assert number_as_printed(" HV-20260302-0001 ") == "HV-20260302-0001"
    assert number_as_printed("GJ-20261124-7Q2K-9XMU-04VN-1") == "GJ-20261124-7Q2K-9XMU-04VN-1"  # no mark has a U
    assert code_as_printed(" k7Q2") == "k7Q2"
    assert (number_as_printed(""), code_as_printed(" ")) == ("", "")


@pytest.mark.requirement("RP1")
def test_what_the_page_calls_number_code_and_digest_is_what_the_paper_calls_them():
    found, asked = verification_page(REPORT.report_no, REPORT, code="K7Q2"), verification_page("", None)
    for page in (found, asked):
        assert "报告编号" in page
        assert not [word for word in ("校验码", "报告单编号", "二维码旁", "验证对象") if word in page]
    assert "验证码" in asked
    assert "文件摘要（PDF 文件的 SHA-256）" in found
    assert "“内容摘要”按报告内容另行计算，两者不同" in found


async def test_a_typed_number_and_code_lead_to_the_reports_page():
    app = FastAPI()
    app.include_router(page_routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        assert 'name="code"' in (await client.get("/verify")).text
        answer = await client.get("/verify", params={"report_no": " HV/1 ", "code": "K 7"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/verify/HV%2F1?code=K%207")
        typed = {"report_no": "gj 20261124 7q2k9xmd o4vn 12", "code": "7q2k9xmdo1vn"}
        answer = await client.get("/verify", params=typed)
        assert answer.headers["location"] == f"/verify/{NUMBER}?code={CODE}"
