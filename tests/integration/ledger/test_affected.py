"""Which automatic values are listed to be revalued, and `avm desk-quality` as an operator gives it."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from consumers.ledger.affected import Place, affected
from consumers.ledger.loop import ROOM
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.valued import keep_answers
from consumers.review_desk.task import Kind
from infra.cli import CommandError
from infra.cli import desk_quality as command
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import RESULTS
from schemas.codes import Lane, Status
from tests.fakes import valuations as made
from tests.fakes.desk_day import LIN, NOON, Clock, Day
from tests.fakes.valuations import CODEC

pytestmark = pytest.mark.postgres

ALWAYS = (NOON - timedelta(days=1), NOON + timedelta(days=1))


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


def answered(number: str, status: Status = Status.COMPLETED_AUTO, *, community: str = "c-1", **changes):
    address = replace(made.ADDRESS, community_id=community)
    return made.resulted(number, status, address=address, valuation=made.VALUATION, resulted_at=NOON, **changes)


def keep(pool, *answers) -> None:
    with pool.connection() as connection:
        keep_answers(connection, answers)


@pytest.mark.requirement("RT7")
def test_automatic_values_of_the_place_since_the_pattern_began_are_listed_and_no_others(pool):
    early = replace(answered("early"), resulted_at=NOON - timedelta(hours=2))
    unable = replace(answered("unable"), status=Status.UNABLE_TO_VALUE, value=None, unit_price=None)
    keep(pool, answered("in"), early, answered("elsewhere", community="c-2"), unable)
    keep(pool, answered("by-people", Status.COMPLETED_MANUAL))
    (found,) = affected(pool, Place(community_id="c-1"), NOON - timedelta(hours=1), ALWAYS[1])
    assert (str(found.valuation_id), found.value) == (answered("in").valuation_id, 3_669_500)
    assert len(affected(pool, Place(city="杭州市"), *ALWAYS)) == 3
    assert len(affected(pool, Place(city="杭州市", community_id="c-2"), *ALWAYS)) == 1
    assert len(affected(pool, Place(model="residential 3"), *ALWAYS)) == 3
    assert affected(pool, Place(model="residential 4"), *ALWAYS) == ()


@pytest.mark.requirement("RT7", "DI2")
def test_what_people_valued_anew_after_a_dispute_is_not_listed(pool):
    first = answered("disputed")
    anew = answered("disputed", Status.COMPLETED_MANUAL, revision=2, supersedes="HV-disputed")
    write(pool, answered("in"), first)
    assert len(affected(pool, Place(community_id="c-1"), *ALWAYS)) == 2
    write(pool, anew)
    (found,) = affected(pool, Place(community_id="c-1"), *ALWAYS)
    assert str(found.valuation_id) == answered("in").valuation_id


def write(pool, *answers) -> None:
    batch = [
        Received(
            topic=RESULTS, lane=Lane.ONLINE, partition=0, offset=0, appended_at=NOON, event=one, headers=[],
            value=CODEC.encode(one),
        )
        for one in answers
    ]  # fmt: skip
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)


def test_everywhere_is_no_place():
    with pytest.raises(ValueError, match="a city, a community or a model version"):
        Place()


# ---- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def avm(postgres, pool, monkeypatch):
    """`avm desk-quality …` on this database, on the day after."""
    migrate(postgres, room="review_desk")
    lots = SimpleNamespace(sampling_seed=SecretStr("lots"))
    settings = SimpleNamespace(postgres=SimpleNamespace(dsn=SecretStr(postgres)), desk=lots)
    monkeypatch.setattr(command, "settings_in_force", lambda: settings)
    monkeypatch.setattr(command, "codec", lambda _settings: CODEC)
    monkeypatch.setattr(command, "utc_now", lambda: NOON + timedelta(days=1))

    def run(*arguments: str):
        outcome = CliRunner().invoke(command.app, [*arguments, "--json"], catch_exceptions=False)
        return json.loads(outcome.stdout)

    return run


@pytest.mark.requirement("RT7")
def test_the_command_lists_what_is_affected(avm, pool):
    keep(pool, answered("in"), answered("elsewhere", community="c-2"))
    (line,) = avm("affected", "--community", "c-1", "--since", "2026-03-01", "--until", "2026-03-03")["affected"]
    assert (line["valuation_id"], line["value"], line["model"]) == (
        answered("in").valuation_id,
        3_669_500,
        "residential 3",
    )
    assert "address" not in line
    with pytest.raises(CommandError, match="--community"):
        avm("affected", "--since", "2026-03-01")
    with pytest.raises(CommandError, match="no day"):
        avm("affected", "--city", "杭州市", "--since", "March")


@pytest.mark.requirement("GV4")
def test_the_command_draws_a_day_once_and_tells_the_agreement(avm, postgres):
    with open_pool(postgres, room="review_desk") as desk:
        day = Day(desk, Clock())
        day.decides(day.comes_in("r-1"), LIN, 41_000)
    drawn = avm("draw", "--day", "2026-03-02")
    assert (drawn["decisions"], drawn["drawn"]) == (1, 1)
    assert avm("draw", "--day", "2026-03-02") == drawn
    told = avm("agreement", "--since", "2026-03-01", "--until", "2026-03-09")
    assert (told["reviewers"], told["automatic"]["n"]) == ({}, 0)
    with pytest.raises(CommandError, match="not over"):
        avm("draw", "--day", "2026-03-03")


_APPRAISED = """
    insert into appraisal
        (appraisal_id, number, source, kind, is_blind, on_date, reported_at, value, unit_price, appended_at)
    values (%(id)s, '17', 'office', 'OFFLINE_APPRAISAL', true, '2026-03-02', %(at)s, 3600000, 40000, %(at)s)
"""
_COMPARED = """
    insert into comparison (appraisal_id, valuation_id, matched_by, days_apart, is_breach, found_at)
    values (%(id)s, %(valuation_id)s, 'UNIT', 0, false, %(at)s)
"""


@pytest.mark.requirement("GV4")
def test_the_command_plants_what_an_offline_appraisal_has_answered_since_once(avm, pool, postgres):
    manual = answered("r-1", Status.COMPLETED_MANUAL)
    keep(pool, manual)
    with pool.connection() as connection:
        said = {"id": made.valuation_id("OFFICE", "17"), "valuation_id": manual.valuation_id, "at": NOON}
        connection.execute(_APPRAISED, said)
        connection.execute(_COMPARED, said)
    with open_pool(postgres, room="review_desk") as desk:
        day = Day(desk, Clock())
        day.decides(day.comes_in("r-1"), LIN, 41_000)
        arguments = ("seeds", "--since", "2026-03-01", "--until", "2026-03-09", "--by", "QA-01")
        (task_id,) = avm(*arguments)["planted"]
        (task,) = day.tasks(Kind.SEEDED)
    assert (task.task_id, task.excluded) == (task_id, ("QA-01", "lin"))
    assert avm(*arguments) == {"planted": []}
    with pytest.raises(CommandError, match="staff number"):
        avm("seeds", "--since", "2026-03-01", "--by", "梅")
