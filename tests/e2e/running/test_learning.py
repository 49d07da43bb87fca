"""What people establish is known to the very next request, on the whole running system and without a restart."""

import pytest

from tests.e2e.system import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

_RATIONALE = "经核实该名称为小区推广名，已与产权证核对。"


def confirm_at_the_desk(system, valuation, community_id):
    """A reviewer takes the case, finds the community among its candidates, and says so."""
    desk, task = system.desk, system.claimed(valuation)
    case = desk.get(f"/api/tasks/{task['task_id']}").raise_for_status().json()
    assert case["subject"]["community"] is None
    assert community_id in [candidate["community_id"] for candidate in case["candidates"]]
    decision = {"version": task["version"], "outcome": "UNABLE", "rationale": _RATIONALE}
    not_offered = {**decision, "confirmed_community_id": "not-offered"}
    wrong = desk.post(f"/api/tasks/{task['task_id']}/decision", json=not_offered)
    assert [one["field"] for one in wrong.json()["violations"]] == ["confirmed_community_id"]
    system.decided(task, {**decision, "confirmed_community_id": community_id})


@pytest.mark.requirement("AD1")
def test_a_name_confirmed_at_the_desk_resolves_the_next_request(system, market):
    house = market.house()
    known = system.value(house)["address"]
    name = f"{known['community_name']}汀澜"  # nobody's: it begins like the community and goes on like none
    address = f"{known['city']}{known['district']}{name}3号楼2单元501室"
    area = str(house.area_m2)

    first = system.staff.ask(system.number(), address, area).json()["valuation_id"]
    pending = system.staff.told(first, "PENDING_MANUAL")
    assert "ADDR_UNKNOWN" in pending["reasons"]
    confirm_at_the_desk(system, first, house.community_id)
    system.staff.told(first, "UNABLE_TO_VALUE")

    def resolved() -> dict | None:
        valuation = system.staff.ask(system.number(), address, area).json()["valuation_id"]
        events = system.timeline(valuation, "Enriched")["events"]
        enriched = next(event["payload"] for event in events if event["kind"] == "Enriched")
        return enriched if enriched["address"]["community_id"] == house.community_id else None

    enriched = eventually(resolved, "the learned name to be known")
    assert enriched["concerns"] == []
    (alias,) = [row for row in system.avm.json("reference", "alias", "list")["aliases"] if row["valuation_id"] == first]
    assert (alias["community_id"], alias["source"]) == (house.community_id, "REVIEWER")
    assert alias["confirmed_by"].startswith("reviewer-")


@pytest.mark.requirement("AD7")
def test_a_correction_is_in_the_next_answer_and_in_the_ledger(system, market):
    house = market.house()
    known = system.value(house)["address"]
    by = ("--by", "E1024", "--source", "不动产登记簿查询")
    system.avm.json("registry", "correct", house.community_id, "--set", "built_year=1987", *by)
    system.avm.json("registry", "tag", house.community_id, "THINLY_TRADED", *by)

    def told() -> dict | None:
        valuation = system.staff.ask(system.number(), house.address, str(house.area_m2)).json()["valuation_id"]
        events = system.timeline(valuation, "Enriched")["events"]
        enriched = next(event["payload"] for event in events if event["kind"] == "Enriched")
        return enriched if enriched["tags"] == ["THINLY_TRADED"] else None

    enriched = eventually(told, "the tag in the next answer")
    assert enriched["address"]["community_id"] == known["community_id"]
    attributes = enriched["attributes"]
    assert (attributes["built_year"], attributes["origins"]["built_year"]) == (1987, "registry")

    def kept() -> dict | None:
        found = system.ledger.get("/registry", params={"property_key": house.community_id}).json()
        return found if len(found["history"]) == 2 else None

    registered = eventually(kept, "both corrections in the ledger")
    assert (registered["current"]["facts"], registered["current"]["tags"]) == ({"built_year": 1987}, ["THINLY_TRADED"])
    assert {one["corrected_by"] for one in registered["history"]} == {"E1024"}
