"""What a valuation's users live through, from asking to the report, on the whole running system."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from io import BytesIO
from itertools import count
from statistics import median

import pytest
from openpyxl import Workbook, load_workbook
from pypdf import PdfReader

from producers.simulator.requests import Kind
from schemas.catalogue import COMMUNITIES, COVERAGE, DEALS
from tests.e2e.small_market import COMMUNITIES as MANY_COMMUNITIES
from tests.e2e.small_market import DEALS as MANY_DEALS
from tests.e2e.system import ROOT, eventually
from tests.e2e.users import PUBLIC, STAFF

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

IN_ORDER = ["Requested", "Accepted", "Resulted", "Enriched", "Scored", "Resulted", "Reported"]
STAGES = ["intake", "enrichment", "scoring", "routing", "reporting"]


# ---- asking over HTTP -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN1", "VM2", "VM9")
def test_staff_are_told_the_value_with_range_and_comparables_in_one_call(system, market):
    house = market.house()
    response = system.staff.ask(system.number(), house.address, str(house.area_m2), business_ref="SX-1")
    answer = response.json()
    assert response.status_code == 200, answer
    assert (answer["status"], answer["business_ref"]) == ("COMPLETED_AUTO", "SX-1")
    assert answer["lower"] < answer["value"] < answer["upper"]
    total = Decimal(answer["unit_price"]) * Decimal(answer["area_m2"])
    assert answer["value"] == int(total.quantize(Decimal(1), ROUND_HALF_UP))
    assert len(answer["valuation"]["comparables"]) >= 3
    assert answer["valuation"]["reasons"], "what moved the price"
    assert answer["address"]["community_id"] == house.community_id
    assert abs(answer["value"] / house.market_value - 1) < 0.5, "in yuan for the whole house"


@pytest.mark.requirement("RT2")
def test_a_deadline_is_set_ten_seconds_after_receipt(system, market):
    answer = system.value(market.house())
    received, deadline = (datetime.fromisoformat(answer[name]) for name in ("received_at", "deadline_at"))
    assert deadline - received == timedelta(seconds=10)


@pytest.mark.requirement("IN1")
def test_a_customer_is_told_the_value_and_its_range_and_no_evidence(system, market):
    answer = system.value(market.house(), by="MOBILE_BANK")
    assert answer["lower"] < answer["value"] < answer["upper"]
    shown = json.dumps(answer, ensure_ascii=False)
    assert not {"valuation", "unit_price", "attributes", "policy"} & answer.keys()
    assert set(answer["address"]) == {"community_id", "community_name"}  # which house it was taken for, and no more
    assert "comparables" not in shown


def test_the_public_is_told_a_range_alone_and_gets_no_report(system, market):
    answer = system.value(market.house(), by=PUBLIC)
    assert answer["lower"] < answer["upper"]
    assert not {"value", "unit_price", "valuation", "report"} & answer.keys()
    assert set(answer["address"]) == {"community_id", "community_name"}
    assert system.channel(PUBLIC).get(f"{answer['valuation_id']}/report").status_code == 403


@pytest.mark.requirement("IN1")
def test_a_valuation_is_shown_to_its_own_channel_alone(system, market):
    valuation = system.value(market.house())["valuation_id"]
    assert system.customer.get(valuation).status_code == 404
    assert system.customer.get(f"{valuation}/report").status_code == 404
    assert system.anyone.get(f"/v1/valuations/{valuation}").status_code == 401


@pytest.mark.requirement("RP1", "RP5")
def test_every_value_has_a_report_that_can_be_fetched_and_verified(system, market):
    answer = system.value(market.house(), business_ref="SX-2")
    report = system.staff.report(answer["valuation_id"])
    assert report.headers["content-type"] == "application/pdf"
    announced = system.staff.told(answer["valuation_id"], "COMPLETED_AUTO")["report"]
    assert sha256(report.content).hexdigest() == announced["sha256"] == report.headers["etag"].strip('"')
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(report.content)).pages)
    assert f"{answer['value']:,}" in text
    assert f"{answer['unit_price']:,}" in text
    assert announced["report_no"] in text
    assert "房屋估价报告单" in re.sub(r"\s", "", text)

    events = system.timeline(answer["valuation_id"], "Reported")["events"]
    code = next(event["payload"]["verification_code"] for event in events if event["kind"] == "Reported")
    page = f"/verify/{announced['report_no']}"
    assert system.anyone.get(page, params={"code": code}).status_code == 200
    assert system.anyone.get(page, params={"code": "0" * len(code)}).status_code == 404


# ---- the other ways in ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN1", "RS1")
def test_a_bank_that_produces_to_kafka_itself_is_answered_there(system, market):
    house, number = market.house(), system.number()
    done = subprocess.run(
        [
            sys.executable, str(ROOT / "docs" / "examples" / "kafka_producer.py"), "--bootstrap", system.bootstrap,
            "--channel", STAFF, "--request-number", number, "--address", house.address, "--area", str(house.area_m2),
            "--business-ref", f"SX-{number}", "--wait", "60",
        ],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["status"] for answer in said] == ["RECEIVED", "COMPLETED_AUTO"]
    valuation = said[-1]["valuation_id"]
    assert system.staff.told(valuation, "COMPLETED_AUTO")["value"] == said[-1]["value"]

    def kept() -> dict | None:
        found = system.ledger.get("/valuations", params={"business_ref": f"SX-{number}"}).json()["valuations"]
        return next((one for one in found if one["status"] == "COMPLETED_AUTO"), None)

    ledger = eventually(kept, "the value in the ledger under its business number")
    assert (ledger["valuation_id"], ledger["value"]) == (valuation, said[-1]["value"])


@pytest.mark.requirement("IN1", "IN2")
def test_a_spreadsheet_comes_back_with_a_value_behind_every_good_row(system, market, tmp_path):
    good, uncertain = [market.house(), market.house()], market.house(Kind.UNKNOWN_COMMUNITY)
    sheet = tmp_path / "押品清单.xlsx"
    workbook = Workbook()
    workbook.active.append(["序号", "地址", "建筑面积"])
    for number, house in enumerate([*good, uncertain], start=1):
        workbook.active.append([number, house.address, float(house.area_m2)])
    workbook.active.append([4, good[0].address, 0])
    workbook.save(sheet)

    said = system.avm.json("batch", "submit", sheet, "--wait=4")
    assert [(problem["row"], problem["field"]) for problem in said["problems"]] == [(5, "area")]

    def complete() -> dict | None:
        fetched = system.avm.json("batch", "fetch", said["job_id"])
        return fetched if (fetched["open"], fetched["reports_known"]) == (0, len(good)) else None

    fetched = eventually(complete, "every row answered and reported")
    assert {name: fetched[name] for name in ("rows", "refused", "answered", "manual")} == {
        "rows": 4, "refused": 1, "answered": 2, "manual": 1,
    }  # fmt: skip
    header, *rows = load_workbook(fetched["result"]).active.iter_rows(values_only=True)
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["序号"] for row in found] == [1, 2, 3, 4], "the rows as they were"
    assert [row["状态代码"] for row in found] == ["COMPLETED_AUTO", "COMPLETED_AUTO", "PENDING_MANUAL", None]
    for row in found[:2]:
        assert row["区间下限（元）"] < row["估值（元）"] < row["区间上限（元）"]
        assert row["报告编号"]
    assert "面积" in found[3]["说明"]


# ---- with people ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RT1", "IN8", "OP4", "RP1")
def test_what_is_uncertain_is_decided_at_the_desk_and_the_channel_gets_the_decision(system, market):
    house = market.house(Kind.ODD_SIZE)
    response = system.staff.ask(system.number(), house.address, str(house.area_m2), business_ref="SX-3")
    valuation = response.json()["valuation_id"]
    pending = system.staff.told(valuation, "PENDING_MANUAL")
    assert response.status_code == 202
    assert "AREA_IMPLAUSIBLE" in pending["reasons"]
    assert datetime.fromisoformat(pending["due_at"]) > datetime.fromisoformat(pending["received_at"])
    assert "value" not in pending, "an uncertain value is nobody's to see"

    desk, task = system.desk, system.claimed(valuation)
    case = desk.get(f"/api/tasks/{task['task_id']}").raise_for_status().json()
    assert (case["model"] is None) == task["blind"], "but for a blind case the reviewer sees what the model has said"
    assert case["subject"]["address_entered"] == house.address
    price = round(median(one["unit_price"] for one in case["comparables"]))
    decision = {
        "version": task["version"],
        "outcome": "VALUE",
        "unit_price": price,
        "rationale": "面积经核实无误，参考同小区成交确定。",
        "comparable_ids": [one["deal_id"] for one in case["comparables"]],
        "few_comparables_because": "同小区成交较少",
        "deviation_because": "RECENT_DEALS",
    }
    without_grounds = {**decision, "rationale": ""}
    assert desk.post(f"/api/tasks/{task['task_id']}/decision", json=without_grounds).status_code == 422
    system.decided(task, decision)

    decided = system.staff.told(valuation, "COMPLETED_MANUAL")
    assert decided["unit_price"] == price
    assert decided["human_touched"]
    assert decided["value"] == int((price * house.area_m2).quantize(Decimal(1), ROUND_HALF_UP))
    report = system.staff.report(valuation)
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(report.content)).pages)
    assert f"{decided['value']:,}" in text

    events = system.timeline(valuation, "Reported")["events"]
    assert {"ReviewRequested", "Decided", "Reported"} <= {event["kind"] for event in events}
    assert len({event["trace_id"] for event in events}) == 1, "one trace, through the desk as well"


@pytest.mark.requirement("RT1", "AD2", "AD3", "IN9")
def test_an_ambiguous_address_is_asked_back_and_the_reply_leads_to_a_value(system, market):
    house = market.house(Kind.AMBIGUOUS_NAME)
    response = system.customer.ask(system.number(), house.address, str(house.area_m2))
    valuation = response.json()["valuation_id"]
    asked_back = system.customer.told(valuation, "NEEDS_CLARIFICATION")
    offered = [candidate["community_id"] for candidate in asked_back["candidates"]]
    assert len(offered) >= 2
    assert house.community_id in offered
    not_offered = system.customer.clarify(valuation, "no-such-community")
    assert (not_offered.status_code, not_offered.json()["code"]) == (422, "invalid-request")

    reply = system.customer.clarify(valuation, house.community_id)
    assert reply.status_code in {200, 202}, reply.text
    valued = system.customer.told(valuation, "COMPLETED_AUTO", "PENDING_MANUAL")
    assert valued["valuation_id"] == valuation
    again = system.customer.clarify(valuation, house.community_id)
    assert (again.status_code, again.json()["code"]) == (409, "not-awaiting-clarification")
    events = system.timeline(valuation, "Scored")["events"]
    scored = next(event["payload"] for event in events if event["kind"] == "Scored")
    assert scored["address"]["community_id"] == house.community_id
    assert len({event["trace_id"] for event in events}) == 1, "the reply goes on in the trace of the valuation"


# ---- the evidence ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("OP4")
def test_avm_trace_shows_every_stage_of_a_valuation_under_the_callers_trace(system, market):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    house, number = market.house(), system.number()
    body = {"client_request_id": number, "address": house.address, "area_m2": str(house.area_m2)}
    headers = {**system.staff.headers, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    response = system.anyone.post("/v1/valuations", headers=headers, json=body)
    valuation = response.json()["valuation_id"]
    system.timeline(valuation, "Reported")

    found = system.avm.json("trace", f"{STAFF}:{number}")
    assert found["state"]["valuation_id"] == valuation
    assert sorted(event["kind"] for event in found["events"]) == sorted(IN_ORDER)
    assert {event["trace_id"] for event in found["events"]} == {trace_id}
    assert [stage["stage"] for stage in found["stages"] if stage["stage"] in STAGES] == STAGES
    assert all(stage["milliseconds"] >= 0 for stage in found["stages"])

    shown = system.avm("trace", valuation)
    assert shown.returncode == 0, shown.stderr
    assert trace_id in shown.stdout
    for stage in STAGES:
        assert stage in shown.stdout
    unknown = system.avm("trace", f"{STAFF}:never-asked")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "knows no valuation" in unknown.stderr


@pytest.mark.requirement("RS1", "OP4")
def test_the_ledger_has_every_event_once_and_in_order(system, market):
    answer = system.value(market.house())
    found = system.timeline(answer["valuation_id"], "Reported")
    events = found["events"]
    assert sorted(event["kind"] for event in events) == sorted(IN_ORDER)
    assert (events[0]["kind"], events[-1]["kind"]) == ("Requested", "Reported")
    assert len({event["event_id"] for event in events}) == len(events) == len(IN_ORDER)
    state = found["state"]
    assert (state["status"], state["value"], state["revision"]) == ("COMPLETED_AUTO", answer["value"], 1)
    assert state["final_at"]


@pytest.mark.requirement("SE1")
def test_no_log_and_no_answer_carries_an_identity_number_and_no_log_an_address(system, market):
    identity, phone = "330106199003074519", "13857123456"
    house = market.house()
    response = system.staff.ask(system.number(), f"{house.address} {identity} {phone}", str(house.area_m2))
    valuation = response.json()["valuation_id"]
    eventually(lambda: system.staff.get(valuation).json()["final"] or None, "an answer")
    system.timeline(valuation, "Scored")
    shown = system.staff.get(valuation).text
    assert house.address in shown
    assert identity not in shown
    assert phone not in shown
    logs = "".join(path.read_text() for path in (system.avm.state / "logs").glob("*.log"))
    assert "partitions assigned" in logs, "there are logs to look at"
    assert not [word for word in (identity, phone, house.address) if word in logs]


# ---- reference data that changes while the system runs --------------------------------------------------------------


def test_loading_a_market_says_what_was_loaded(system, market):
    assert system.loaded["communities"]["loaded"] == MANY_COMMUNITIES
    assert system.loaded["deals"]["loaded"] == MANY_DEALS
    assert {row["rejected"] for name, row in system.loaded.items() if name not in {"models", "segments"}} == {0}
    released = {model["name"]: model["sha256"] for model in system.loaded["models"]["models"]}
    assert released == {model["name"]: model["sha256"] for model in market.trained["models"]}
    counts = system.avm.json("reference", "status")
    assert counts[COMMUNITIES.name] >= MANY_COMMUNITIES
    assert counts[DEALS.name] >= MANY_DEALS
    assert counts[COVERAGE.name] >= system.loaded["coverage"]["loaded"]


@pytest.mark.requirement("AD3", "VM3")
def test_a_deal_loaded_while_the_system_runs_is_a_comparable_as_long_as_its_source_is_licensed(
    system, market, tmp_path
):
    house = market.house()
    before = system.value(house)
    nearest = before["valuation"]["comparables"][0]
    file = tmp_path / "成交.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(
            out, ["deal_id", "community_id", "city", "deal_date", "area_m2", "unit_price", "property_type", "source"]
        )
        writer.writeheader()
        writer.writerow(
            {
                "deal_id": "live-1",
                "community_id": house.community_id,
                "city": before["address"]["city"],
                "deal_date": date.fromisoformat(market.made["until"]) - timedelta(days=1),
                "area_m2": house.area_m2,
                "unit_price": nearest["adjusted_unit_price"],
                "property_type": before["valuation"]["model"]["segment"],
                "source": "live",
            }
        )
    terms = ("--kind=DEALS", "--holder=某公司", "--reference=HT-1", "--from=2020-01-01", "--by=s-1", "--second=s-2")
    system.avm.json("sources", "put", "live", *terms, "--use=COMPARABLES")
    assert system.avm.json("reference", "load", file, "--topic=deals")["loaded"] == 1

    areas = (house.area_m2 + Decimal(number) / 100 for number in count(1))

    def used() -> bool:  # six are shown, but all that carry weight are named by their sources
        another = replace(house, area_m2=next(areas))  # the very same unit would be answered with its valid value
        return "live" in system.value(another)["valuation"]["sources"]

    assert eventually(used, "the new deal among those that carry the value")
    system.avm.json("sources", "revoke", "live", "--reason=合同解除", "--by=s-1")
    assert eventually(lambda: not used(), "the deal gone with the licence of its source")


@pytest.mark.requirement("AD3")
def test_a_district_added_to_the_coverage_is_served_without_a_restart(system, market, tmp_path):
    address = "河北省石家庄市长安区和景街9号丽园小区3号楼2单元401室"
    before = system.staff.ask(system.number(), address, "88").json()
    assert (before["status"], before["reasons"]) == ("OUT_OF_COVERAGE", ["AREA_NOT_COVERED"])
    with (market.folder / "coverage.csv").open(encoding="utf-8", newline="") as given:
        rows = list(csv.DictReader(given))
    added = {**rows[0], "county_code": "130102", "province": "河北省", "city": "石家庄市", "county": "长安区"}
    file = tmp_path / "coverage.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows([*rows, added])
    assert system.avm.json("reference", "load", file, "--topic=coverage")["loaded"] == len(rows) + 1

    def served() -> bool:
        return system.staff.ask(system.number(), address, "88").json()["status"] != "OUT_OF_COVERAGE"

    assert eventually(served, "the new district to be served")
