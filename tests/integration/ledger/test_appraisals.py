"""Appraisals in the ledger, on a real PostgreSQL: joined to results in whatever order both arrive."""

import itertools
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from consumers.ledger import api, appraisal_api
from consumers.ledger.breaches import BreachWatch
from consumers.ledger.loop import ROOM
from consumers.ledger.outcomes import OutcomeQueries
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from consumers.ledger.training_rows import COLUMNS, TrainingRows
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import BREACHES, DEALS, DECISIONS, FEEDBACK, RESULTS
from schemas.codes import AppraisalKind, Lane, Reason, ReviewOutcome, Status
from schemas.domain.provenance import is_judgement
from schemas.events import Appraised, Decided, DeviationBreached, HumanDecision, Resulted
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.loops import eventually
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPIC_OF = {Resulted: RESULTS, Decided: DECISIONS, Appraised: FEEDBACK}
_LATER = NOON + timedelta(days=365)
_VALUE = 3_669_500


class FixedBits:
    """Span ids that do not vary."""

    def getrandbits(self, bits: int) -> int:
        return 1 << (bits - 1)


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


@pytest.fixture
def queries(pool):
    return OutcomeQueries(pool)


def received(event):
    topic = _TOPIC_OF[type(event)]
    lane = Lane.ONLINE if topic.lanes else None
    record = made.record_of(topic, event, lane=lane)
    return Received(
        topic=topic,
        lane=lane,
        partition=0,
        offset=0,
        appended_at=NOON,
        event=event,
        headers=record.headers,
        value=record.value,
    )


def write(pool, *events):
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, [received(event) for event in events])


def result(number="r-1", status=Status.COMPLETED_AUTO, **changes):
    """An answer as routing gives it: resolved, described, with the model's evidence."""
    told = {
        "address": made.ADDRESS,
        "attributes": made.ATTRIBUTES,
        "valuation": made.VALUATION,
        "area_m2": Decimal("89.50"),
        "value_date": date(2026, 3, 2),
        "loan_stage": "IN_LOAN_APPROVAL",
    }
    return made.resulted(number, status, **told | changes)


def reviewed(number="r-2", *, model_value=_VALUE, **changes):
    human = HumanDecision(
        outcome=ReviewOutcome.VALUE,
        reviewer_grade="G2",
        four_eyes=False,
        claimed_at=NOON,
        decided_at=NOON + timedelta(days=2),
        value=3_714_250,
        unit_price=41_500,
        model_value=model_value,
    )
    told = {"human": human, "human_touched": True, "value": 3_714_250, "unit_price": 41_500}
    return result(number, Status.COMPLETED_MANUAL, **told | changes)


def appraised(**changes):
    told = {
        "valuation_id": "",
        "kind": AppraisalKind.OFFLINE_APPRAISAL,
        "unit_price": 36_000,
        "value": 3_222_000,  # the automatic value lies 13.9 % above
        "on_date": date(2026, 3, 20),
        "reported_at": NOON + timedelta(days=30),
        "source": "office",
        "appraisal_id": "A-1",
        "property_key": "c-1|3幢|2单元|501",
    }
    return Appraised(**told | changes)


def waits(pool):
    with pool.connection() as connection:
        waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
        return connection.execute(waiting).fetchone()[0]


def breach_rows(pool):
    with pool.connection() as connection:
        return connection.execute("select valuation_id::text, promise from breach").fetchall()


def stamped(pool):
    with pool.connection() as connection:
        return connection.execute("select appraisal_id, ctid, found_at from comparison").fetchall()


@pytest.mark.requirement("VM4")
def test_the_same_file_loaded_again_touches_nothing_that_was_compared(pool):
    write(pool, result(), appraised())
    before = stamped(pool)
    assert len(before) == 1
    write(pool, appraised(reported_at=NOON + timedelta(days=40)))
    assert stamped(pool) == before


@pytest.mark.requirement("VM4")
def test_a_correction_reported_on_the_same_day_replaces(pool, queries):
    write(pool, result(), appraised())
    assert breach_rows(pool)
    write(pool, appraised(value=3_669_500, unit_price=41_000))
    assert breach_rows(pool) == []


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_appraisals_and_results_meet_in_any_order_and_any_number_of_times(pool, queries, order):
    events = [result(), result("r-2", value=3_300_000), appraised()]
    for place in (*order, *order):
        write(pool, events[place])
    found = queries.outcomes(NOON, _LATER)
    told = {str(one.valuation_id): (one.matched_by, one.is_within, one.excluded, one.days_apart) for one in found}
    assert told == {
        valuation_id("CREDIT_MGMT", "r-1"): ("UNIT", False, None, 18),
        valuation_id("CREDIT_MGMT", "r-2"): ("UNIT", True, None, 18),
    }
    assert breach_rows(pool) == [(valuation_id("CREDIT_MGMT", "r-1"), "DEVIATION")]
    assert not queries.unmatched(NOON, _LATER)


@pytest.mark.requirement("VM4")
def test_one_batch_may_hold_both(pool, queries):
    write(pool, appraised(), result())
    (one,) = queries.outcomes(NOON, _LATER)
    assert one.deviation == (_VALUE - 3_222_000) / 3_222_000
    assert (one.city, one.property_type, one.model, one.segment) == (
        "杭州市", "APARTMENT", "residential 3", "330100/RESIDENTIAL",
    )  # fmt: skip
    assert (one.p10, one.model_value, one.value, one.reference) == (0.78, _VALUE, _VALUE, 3_222_000)


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("changes", "matched_by"),
    [
        ({"valuation_id": valuation_id("CREDIT_MGMT", "r-1"), "property_key": None}, "NUMBER"),
        ({"property_key": "c-1|3", "area_m2": Decimal("90.50")}, "BUILDING_AND_AREA"),
        ({"property_key": None, "address": "杭州市西湖区 文三路１号翠苑三区3栋2单元501室"}, "UNIT"),
    ],
)
def test_an_appraisal_names_its_house_in_one_of_three_ways(pool, queries, changes, matched_by):
    write(pool, result(), appraised(**changes))
    assert [one.matched_by for one in queries.outcomes(NOON, _LATER)] == [matched_by]


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valuation_id": valuation_id("CREDIT_MGMT", "r-9")}, "UNKNOWN_VALUATION"),
        ({"valuation_id": "no number of ours"}, "UNKNOWN_VALUATION"),
        ({"property_key": None}, "HOUSE_NOT_NAMED"),
        ({"property_key": "a|b|c|d|e"}, "HOUSE_NOT_NAMED"),
        ({"property_key": None, "address": "月球路1号"}, "ADDRESS_NOT_RESOLVED"),
        ({"property_key": "c-1|4|1|101"}, "NO_VALUATION_OF_BUILDING"),
        ({"property_key": "c-1|3"}, "AREA_MISSING"),
        ({"property_key": "c-1|3|2|502", "area_m2": Decimal("89.50")}, "NO_VALUATION_OF_UNIT"),
        ({"value": 0}, "VALUE_NOT_POSITIVE"),
    ],
)
def test_what_matches_nothing_is_listed_with_its_reason(pool, queries, changes, reason):
    write(pool, result(), appraised(**changes))
    assert not queries.outcomes(NOON, _LATER)
    assert [(one.number, one.reason) for one in queries.unmatched(NOON, _LATER)] == [("A-1", reason)]


@pytest.mark.requirement("VM4")
def test_a_corrected_appraisal_takes_the_place_of_the_first_and_its_breach(pool, queries):
    write(pool, result(), appraised())
    write(pool, appraised(value=3_600_000, reported_at=NOON + timedelta(days=31)))
    write(pool, appraised())  # the first report once more, late
    assert [one.reference for one in queries.outcomes(NOON, _LATER)] == [3_600_000]
    assert breach_rows(pool) == []


@pytest.mark.requirement("VM4")
def test_a_breach_is_told_once_in_the_trace_of_its_valuation(pool):
    write(pool, result(), appraised())
    watch = BreachWatch(breaches=BREACHES, voice=Voice(codec=CODEC, randomness=FixedBits()))
    with pool.connection() as connection:
        for _ in range(2):
            watch(connection, NOON)
        ((topic, value, headers),) = connection.execute("select topic, value, headers from outbox").fetchall()
    told = CODEC.decode(bytes(value), DeviationBreached)
    assert (topic, told.valuation_id) == ("valuation.breaches", valuation_id("CREDIT_MGMT", "r-1"))
    assert (told.value, told.appraised_value, told.deviation) == (_VALUE, 3_222_000, (_VALUE - 3_222_000) / 3_222_000)
    assert (told.city, told.property_type, told.model) == ("杭州市", "APARTMENT", "residential 3")
    assert dict(headers)["traceparent"].startswith(f"00-{'a' * 32}-")


@pytest.mark.requirement("VM4", "DI2")
def test_a_value_that_a_dispute_has_superseded_counts_and_is_not_told_as_if_it_stood(pool, queries):
    anew = result(status=Status.COMPLETED_MANUAL, revision=2, supersedes="HV-r-1", value=3_222_000)
    write(pool, result(), anew, appraised())
    watch = BreachWatch(breaches=BREACHES, voice=Voice(codec=CODEC, randomness=FixedBits()))
    with pool.connection() as connection:
        watch(connection, NOON)
        assert connection.execute("select count(*) from outbox").fetchone() == (0,)
    (outcome,) = queries.outcomes(NOON, _LATER)
    assert outcome.value == _VALUE
    assert breach_rows(pool) == [(valuation_id("CREDIT_MGMT", "r-1"), "DEVIATION")]


@pytest.mark.requirement("VM4")
def test_two_ledgers_at_one_moment_miss_no_pair(pool, queries):
    """One holds an answer that is not committed while the other brings the appraisal of the same house."""
    writer = LedgerWriter(answer_within=timedelta(seconds=10))
    with pool.connection() as first:
        writer(first, [received(result())])
        second = threading.Thread(target=write, args=(pool, appraised()))
        second.start()
        eventually(lambda: not second.is_alive() or waits(pool))  # without a turn it would be done by now
        first.commit()
    second.join(30)
    assert len(queries.outcomes(NOON, _LATER)) == 1


@pytest.mark.requirement("VM4", "VM6")
def test_a_quality_sample_is_compared_with_the_answer_that_stands(pool, queries):
    review = replace(made.review(), reasons=(Reason.QA_SAMPLE,))
    write(pool, result(), made.decided(review=review, unit_price=36_000, blind=True))
    (one,) = queries.outcomes(NOON - timedelta(days=1), _LATER)
    assert (one.kind, one.is_blind, one.matched_by, one.is_within) == ("AUDIT", True, "NUMBER", False)
    assert breach_rows(pool) == []  # no appraisal of the contract


@pytest.mark.requirement("VM10")
def test_a_unit_valued_in_both_stages_is_linked_with_its_drift(pool, queries):
    asked = [
        result("before", loan_stage="PRE_LOAN_INVESTIGATION", value=3_500_000),
        result("nearer", loan_stage="PRE_LOAN_INVESTIGATION", value=3_600_000, resulted_at=NOON + timedelta(days=3)),
        result("in", value=3_672_000, value_date=date(2026, 4, 1), resulted_at=NOON + timedelta(days=30)),
        result("unvalued", Status.UNABLE_TO_VALUE, loan_stage="PRE_LOAN_INVESTIGATION"),
        result("other", address=replace(made.ADDRESS, room="502"), resulted_at=NOON + timedelta(days=30)),
        result("community", address=replace(made.ADDRESS, building=None, unit=None, room=None)),
    ]
    write(pool, *asked)
    (pair,) = queries.loan_stages(NOON, _LATER)
    assert pair.pre_loan_id == UUID(valuation_id("CREDIT_MGMT", "nearer"))
    assert pair.in_loan_id == UUID(valuation_id("CREDIT_MGMT", "in"))
    assert (pair.property_key, pair.drift) == ("c-1|3|2|501", 3_672_000 / 3_600_000 - 1)


@pytest.mark.requirement("VM6")
def test_decisions_and_appraisals_are_rows_with_provenance_from_the_day_they_were_known(pool):
    write(pool, reviewed("seen"), reviewed("silent", model_value=None), result(), appraised(blind=False))
    rows = {row.row.source: row for row in TrainingRows(pool).known_before(_LATER)}
    assert set(rows) == {"decision:seen", "decision:blind", "appraisal:office"}
    decision = rows["decision:seen"]
    assert (decision.is_blind, decision.value_seen, decision.case_id) == (
        False, _VALUE, valuation_id("CREDIT_MGMT", "seen"),
    )  # fmt: skip
    deal = decision.row
    assert (deal.unit_price, deal.area_m2, deal.community_id, deal.built_year) == (41_500.0, 89.5, "c-1", 1994)
    assert (deal.deal_date, deal.known_on) == (date(2026, 3, 2), date(2026, 3, 4))
    appraisal = rows["appraisal:office"]
    assert (appraisal.row.unit_price, appraisal.row.deal_date, appraisal.row.known_on) == (
        36_000.0, date(2026, 3, 20), date(2026, 4, 1),
    )  # fmt: skip
    assert (appraisal.is_blind, appraisal.value_seen) == (False, _VALUE)
    assert rows["decision:blind"].is_blind
    assert not TrainingRows(pool).known_before(NOON)


@pytest.mark.requirement("VM6")
def test_an_appraisal_of_a_house_valued_twice_is_one_row(pool):
    write(pool, result(), result("r-2", value_date=date(2026, 3, 21)), appraised())
    (row,) = TrainingRows(pool).known_before(_LATER)
    assert row.case_id == valuation_id("CREDIT_MGMT", "r-2")  # the nearer date


@pytest.mark.requirement("VM6")
def test_no_judgement_is_ever_a_deal(pool):
    write(pool, reviewed(), result(), appraised())
    rows = TrainingRows(pool).known_before(_LATER)
    assert len(rows) == 2
    for row in rows:
        assert is_judgement(row.row.source)
        assert row.as_columns()["is_comparable"] is False
    assert not is_judgement("lianjia")
    assert not {"ledger", "desk", "routing", "scoring"} & set(DEALS.writers)


@pytest.mark.requirement("VM4", "VM10", "VM6")
async def test_all_of_it_is_told_over_http(pool, queries):
    early = result("early", loan_stage="PRE_LOAN_INVESTIGATION", value=3_500_000)
    write(pool, early, result(resulted_at=NOON + timedelta(days=1)), reviewed(loan_stage=None), appraised())
    write(pool, appraised(appraisal_id="A-2", property_key="c-7|1|1|101"))
    pages = appraisal_api.routes(queries, TrainingRows(pool), lambda: datetime(2026, 4, 20, tzinfo=UTC))
    app = api.build(LedgerQueries(pool), lambda: NOON, appraisals=pages)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger") as client:
        rate = (await client.get("/appraisals/rate")).json()
        assert (rate["automatic"]["n"], rate["automatic"]["within"], rate["manual"]["n"]) == (2, 1, 1)
        assert [(one["number"], one["reason"]) for one in rate["unmatched"]] == [("A-2", "NO_VALUATION_OF_BUILDING")]
        outside = {"term_first": "2025-01-01", "term_last": "2025-12-31"}
        assert (await client.get("/appraisals/rate", params=outside)).json()["excluded"] == {"OUT_OF_TERM": 3}
        for bad in ({"since": "2026-01-01T00:00:00"}, {"term_first": "2025-01-01"}):
            assert (await client.get("/appraisals/rate", params=bad)).status_code == 422
        assert len((await client.get("/appraisals/cases")).json()["cases"]) == 3
        (watched,) = (await client.get("/appraisals/monitor")).json()["segments"]
        assert [one["n"] for one in watched["windows"]] == [2, 2]
        stages = (await client.get("/appraisals/loan-stages")).json()
        assert (stages["n"], stages["pairs"][0]["drift"]) == (1, _VALUE / 3_500_000 - 1)
        rows = (await client.get("/appraisals/training-rows")).json()["rows"]
        assert {tuple(row) for row in rows} == {COLUMNS}
