"""`avm check-integration` on a running system: what works is said to work, and what is wrong comes with its remedy."""

import json

import pytest

from tests.e2e.users import STAFF

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

STANDING_ON_CREDENTIALS = {"valuation", "repeat", "bad input", "report"}


def checked(system, house, key: str, *options: str) -> tuple[int, dict[str, dict]]:
    done = system.avm("check-integration", house.address, house.area_m2, f"--key={key}", "--json", *options)
    assert done.stdout, done.stderr
    return done.returncode, {check["what"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.requirement("IN11")
def test_every_check_of_the_credit_systems_integration_is_well(system, market):
    code, checks = checked(system, market.house(), system.secrets.api_key(STAFF))
    assert {what: check["found"] for what, check in checks.items() if check["verdict"] != "ok"} == {}
    assert code == 0
    assert {"Kafka: topics", "Kafka: schemas", "Kafka: delivery", *STANDING_ON_CREDENTIALS} < set(checks)


@pytest.mark.requirement("IN11")
def test_a_wrong_key_is_named_with_its_remedy_and_what_stands_on_it_is_not_tried(system, market):
    code, checks = checked(system, market.house(), "guessed", "--http-only")
    assert code == 1
    assert checks["credentials"]["verdict"] == "failed"
    assert "X-API-Key" in checks["credentials"]["found"]
    assert "check the key" in checks["credentials"]["mend"]
    assert {checks[what]["verdict"] for what in STANDING_ON_CREDENTIALS} == {"skipped"}


@pytest.mark.requirement("IN11")
def test_the_key_of_another_channel_is_found_out(system, market):
    code, checks = checked(system, market.house(), system.secrets.api_key("BATCH_FILE"), "--http-only")
    assert (code, checks["valuation"]["verdict"]) == (1, "failed")
    assert "--channel and --key" in checks["valuation"]["mend"]
