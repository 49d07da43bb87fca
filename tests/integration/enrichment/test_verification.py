"""A house to be verified, from the request to the answer, through the running workers of a real broker."""

import os
import subprocess
import sys
import time
import uuid
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from infra.kafka.admin import apply, plan, wanted_topics
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.catalogue import COMMUNITIES, COVERAGE, PROPERTIES, REQUESTS, RESULTS, SCORED, TOPICS
from schemas.codec import Codec
from schemas.codes import Automation, CoverageStatus, Lane, ServiceType, Status, Tradability, VerificationOutcome
from schemas.domain.divisions import divisions
from schemas.domain.property_key import canonical
from schemas.events import Community, CoverageRow, PropertyRecord, Requested, Resulted, Scored
from schemas.headers import event_headers, event_type
from schemas.ids import event_id, valuation_id
from schemas.registry import CatalogueRegistry

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
CODEC = Codec(CatalogueRegistry())
WITHIN_S = 120.0
STAGES = ("intake", "enrichment", "scoring", "routing")
COMMUNITY = "verified-c1"
NAME = "验真雅苑"  # in no other test
ROOM = f"杭州市西湖区{NAME}3幢2单元501室"
COUNTY = "330106"


class House:
    """The workers on the way of a request, and both sides of their topics."""

    def __init__(self, bootstrap, folder):
        self.conf, self._folder = client_conf(bootstrap), folder
        self._publisher = Publisher(self.conf, on_fatal=sys.exit)
        self.processes = []

    def start(self, stage):
        with (self._folder / f"{stage}.log").open("wb") as log:
            argv = [sys.executable, "-m", "infra.cli", "worker", stage, "--lane", "online"]
            self.processes.append(subprocess.Popen(argv, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log))

    def send(self, topic, key, event, lane=None):
        headers = event_headers(
            event_id=event_id(key, event_type(event), 1),
            event_type=event_type(event),
            source="tests",
            at=datetime.now(UTC),
            traceparent=None,
        )
        record = Record(topic=topic.named(lane), key=key.encode(), value=CODEC.encode(event), headers=headers)
        self._publisher.publish([record])

    def ask(self, service=ServiceType.VERIFY, address=ROOM, area="88.50", **stated):
        number = f"verify-{uuid.uuid4().hex[:12]}"
        asked = Requested(
            valuation_id=valuation_id("CREDIT_MGMT", number),
            channel="CREDIT_MGMT",
            client_request_id=number,
            requested_at=datetime.now(UTC),
            address=address,
            area=Decimal(area),
            service_type=service,
            **stated,
        )
        self.send(REQUESTS, asked.valuation_id, asked, Lane.ONLINE)
        return asked.valuation_id

    def found(self, topic, kind, valuation_id, is_it=lambda _: True):
        """The first event of that valuation that `is_it`, once there is one."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            with TopicReader(self.conf, topic.names, start=Start.BEGINNING) as reader:
                events = [CODEC.decode(message.value(), kind) for message in reader.to_end()]
            for event in events:
                if event.valuation_id == valuation_id and is_it(event):
                    return event
            assert time.monotonic() < deadline, self.said()
            assert all(process.poll() is None for process in self.processes), self.said()
            time.sleep(0.5)

    def said(self):
        return "\n".join(path.read_text() for path in self._folder.glob("*.log"))

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(WITHIN_S)
        self._publisher.close()


def final(result):
    return result.status.is_final


@pytest.fixture(scope="module")
def house(bootstrap, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verification")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    apply(admin, plan(admin, wanted_topics(TOPICS, replication_factor=1, max_partitions=4)))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
        environment.setenv("AVM_KAFKA__PARTITIONS", "4")
        environment.setenv("AVM_STATE", str(folder))
        with closing(House(bootstrap, folder)) as made:
            tell_what_is_known(made)
            for stage in STAGES:
                made.start(stage)
            yield made


def tell_what_is_known(house):
    county = divisions().counties[COUNTY]
    place = {"province": county.province, "city": county.city}
    row = CoverageRow(
        county_code=COUNTY,
        county=county.name,
        status=CoverageStatus.ACTIVE,
        automation=Automation.AUTO,
        property_types=("APARTMENT",),
        effective_from=date(2016, 1, 1),
        version="verification",
        source="assumed",
        **place,
    )
    house.send(COVERAGE, f"{COUNTY}|{row.effective_from}", row)
    community = Community(community_id=COMMUNITY, name=NAME, district=county.name, source="synthetic", **place)
    house.send(COMMUNITIES, COMMUNITY, community)
    record = PropertyRecord(
        property_key=canonical(f"{COMMUNITY}|3幢|2单元|501"),
        source="不动产登记簿",
        corrected_by="E1",
        corrected_at=datetime(2026, 11, 20, 4, tzinfo=UTC),
        tradability=Tradability.TRADABLE,
        area_m2=88.5,
        usage="成套住宅",
    )
    house.send(PROPERTIES, record.property_key, record)


@pytest.mark.requirement("VF1", "VF3")
def test_a_verification_ends_with_each_of_the_four_outcomes_and_without_a_value(house):
    stated = {"community": NAME, "building": "3号楼", "usage": "住宅"}
    asked = {
        VerificationOutcome.CONFIRMED: house.ask(**stated),
        VerificationOutcome.MISMATCH: house.ask(area="98.50"),
        VerificationOutcome.NOT_FOUND: house.ask(address="杭州市西湖区查无此名佳苑3幢2单元501室"),
        VerificationOutcome.UNVERIFIABLE: house.ask(address=ROOM.replace("501", "502")),
    }
    for outcome, number in asked.items():
        result = house.found(RESULTS, Resulted, number, final)
        assert (result.status, result.value, result.human_touched) == (Status.COMPLETED_AUTO, None, False)
        assert result.verification.outcome is outcome
        assert result.verification.text == result.reason_text
    checks = {one.field: one for one in house.found(RESULTS, Resulted, number_of(asked), final).verification.checks}
    assert {checks[name].outcome for name in ("COMMUNITY", "BUILDING", "UNIT", "USAGE", "AREA")} == {
        VerificationOutcome.CONFIRMED
    }
    assert (checks["COMMUNITY"].source, checks["UNIT"].source) == ("synthetic", "property-registry")


def number_of(asked):
    return asked[VerificationOutcome.CONFIRMED]


@pytest.mark.requirement("VF2")
def test_a_valuation_of_another_house_than_the_stated_one_goes_to_people_with_its_verification(house):
    number = house.ask(ServiceType.VERIFY_AND_VALUATE, area="98.50")
    scored = house.found(SCORED, Scored, number)
    assert "VERIFY_MISMATCH" in scored.concerns
    pending = house.found(RESULTS, Resulted, number, lambda one: one.verification is not None)
    assert (pending.status, pending.verification.outcome) == (Status.PENDING_MANUAL, VerificationOutcome.MISMATCH)
    assert "VERIFY_MISMATCH" in pending.reasons
    assert pending.verification.synthetic
