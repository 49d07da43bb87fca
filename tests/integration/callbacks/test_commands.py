"""`avm callbacks` on a real database."""

import csv
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from consumers.callbacks import deliveries, endpoints
from consumers.callbacks.days import Reconciler, entries_of, make_again
from consumers.callbacks.deliveries import New
from consumers.callbacks.loop import ROOM
from consumers.callbacks.meters import Meters
from consumers.callbacks.parking import park
from consumers.callbacks.reconciliation import day_hash
from infra.cli import CommandError
from infra.cli.callbacks import app
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect, open_pool
from infra.storage.files import FileStore
from schemas.domain.tellings import delivered, tellings
from tests.fakes.answers import a_report, a_request, an_answer

pytestmark = pytest.mark.postgres

DAY = date(2026, 3, 2)
NIGHT = datetime(2026, 3, 2, 16, 10, tzinfo=UTC)  # ten past midnight in Shanghai
TOMORROW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)  # the first instant of the next day there
CHANNEL = "CREDIT_MGMT"


@pytest.fixture
def avm(postgres):
    migrate(postgres, room=ROOM)
    return command_on(postgres)


@pytest.fixture(scope="module")
def empty_room(postgres_server):
    """`avm callbacks` on a database that no command here writes to."""
    dsn = postgres_server.create_database("callbacks_empty_room")
    migrate(dsn, room=ROOM)
    yield command_on(dsn)
    postgres_server.drop_database("callbacks_empty_room")


def command_on(dsn):
    """`run("deliveries", "list", code=0)`: the JSON that the command prints."""
    env = {"AVM_KAFKA__BOOTSTRAP": "broker.invalid:9092", "AVM_POSTGRES__DSN": dsn}  # no command here needs a broker

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, [*arguments, "--json"], env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return run


def told(dsn, *events, at=NIGHT - timedelta(hours=8), awaited=True):
    """Deliveries of these events, made at an instant; gives them."""
    made = []
    with connect(dsn, room=ROOM) as connection:
        for number, event in enumerate(events):
            (telling,) = tellings(event)
            one = delivered(telling, f"event-{telling.subject_id}-{number}", at)
            awaits = {"awaited_from": at, "give_up_at": at + timedelta(hours=24)} if awaited else {}
            deliveries.add(connection, [New(delivered=one, telling=telling, **awaits)])
            made.append(one)
    return made


def a_day(dsn):
    requests = [a_request(client_request_id=f"r-{number}") for number in range(3)]
    return told(dsn, *map(an_answer, requests), a_report(requests[0]))


# ---- endpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RS2")
def test_an_endpoint_is_registered_shown_without_its_secret_rotated_and_removed(avm, postgres):
    told(postgres, an_answer(a_request()))
    put = avm("endpoints", "put", "CREDIT_SYS", "--url", "https://credit.bank.example/hooks")
    assert (put["channel"], put["mode"]) == (CHANNEL, "WEBHOOK")
    assert put["secret"].startswith("whsec_")
    (listed,) = avm("endpoints", "list")["endpoints"]
    assert put["secret"] not in json.dumps(listed)
    moved = avm("endpoints", "put", CHANNEL, "--url", "https://new.bank.example/hooks")
    assert "secret" not in moved  # a new place keeps its secret
    rotated = avm("endpoints", "rotate-secret", CHANNEL, "--overlap", "48h")
    assert rotated["secret"] != put["secret"]
    assert avm("endpoints", "list")["endpoints"][0]["secrets"] == 2
    assert avm("endpoints", "remove", CHANNEL) == {"channel": CHANNEL, "no_longer_awaited": 1}
    assert avm("endpoints", "list")["endpoints"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["endpoints", "put", "WEBSITE", "--url", "https://a.example/"], "no channel of a bank system"),
        (["endpoints", "put", CHANNEL], "--url"),
        (["endpoints", "put", CHANNEL, "--mode", "WEBHOOK"], "WEBHOOK needs one"),
        (["endpoints", "put", CHANNEL, "--url", "http://a.example/"], "in clear"),
        (["endpoints", "put", CHANNEL, "--url", "https://a.example/", "--secret", "abc"], "whsec_"),
        (["endpoints", "rotate-secret", CHANNEL], "no endpoint"),
        (["endpoints", "remove", CHANNEL], "no endpoint"),
        (["deliveries", "list", "--parked", "--open"], "not both"),
        (["deliveries", "list", "--since", "yesterday"], "30m, 12h or 3d"),
        (["deliveries", "show", "d-1"], "no delivery d-1"),
        (["resend"], "say what"),
        (["resend", "--channel", CHANNEL], "--since"),
        (["resend", "--delivery", "d-1"], "nothing of d-1"),
        (["reconcile", "--day", "02.03.2026"], "YYYY-MM-DD"),
        (["reconcile", "--day", "2026-03-02", "--resend"], "--against"),
        (["reconcile", "--day", "2026-03-02", "--against", "x.csv"], "--channel"),
        (["reconcile", "--day", "2026-03-02", "--channel", CHANNEL, "--against", "x.csv"], "x.csv"),
        (["export", "--from", "2026-03-02", "--to", "2026-03-01", "--out", "x"], "before"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(empty_room, arguments, says):
    with pytest.raises(CommandError, match=says):
        empty_room(*arguments)


# ---- deliveries -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RS2")
def test_deliveries_are_listed_shown_and_sent_again_by_valuation_and_as_parked(avm, postgres):
    made = a_day(postgres)
    with connect(postgres, room=ROOM) as connection:
        park(connection, NIGHT + timedelta(days=1))
    assert len(avm("deliveries", "list", "--parked")["deliveries"]) == 4
    shown = avm("deliveries", "show", made[0].delivery_id)
    assert (shown["status"], shown["receipts"]) == ("PARKED", [])
    assert "body" not in shown
    assert avm("resend", "--valuation", made[0].subject_id) == {"in_line": 2}
    assert avm("resend", "--parked", "--channel", CHANNEL) == {"in_line": 2}
    assert avm("resend", "--delivery", made[1].delivery_id) == {"in_line": 1}
    assert len(avm("deliveries", "list", "--open")["deliveries"]) == 4


# ---- reconciliation -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RS3")
def test_a_day_is_written_as_csv_with_a_manifest_and_holds_against_itself(avm, postgres, tmp_path):
    made = a_day(postgres)
    told(postgres, an_answer(a_request(client_request_id="tomorrow"), resulted_at=TOMORROW), at=NIGHT)
    (summary,) = avm("reconcile", "--day", str(DAY), "--channel", CHANNEL, "--out", str(tmp_path))["channels"]
    assert [summary[name] for name in ("results", "slips", "receipts", "sum_of_values")] == [3, 1, 0, 3 * 4_475_000]
    assert summary["hash"] == day_hash((one.delivery_id, one.sha256) for one in made)
    assert json.loads((tmp_path / str(DAY) / f"{CHANNEL}.json").read_text()) == summary
    file = tmp_path / str(DAY) / f"{CHANNEL}.csv"
    same = avm("reconcile", "--day", str(DAY), "--channel", CHANNEL, "--against", str(file))
    assert (same["differences"], same["here"], same["there"]) == ([], 4, 4)


@pytest.mark.requirement("RS3")
def test_what_the_bank_lacks_or_has_otherwise_is_listed_and_sent_again(avm, postgres, tmp_path):
    made = a_day(postgres)
    with connect(postgres, room=ROOM) as connection:
        for one in made:
            deliveries.acknowledge(connection, [one.delivery_id], by=deliveries.AcknowledgedBy.HTTP, at=NIGHT)
    file = tmp_path / "bank.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["delivery_id", "sha256"])
        writer.writerows([[made[0].delivery_id, made[0].sha256], [made[1].delivery_id, "0" * 64], ["x-1", "1" * 64]])
    options = ["reconcile", "--day", str(DAY), "--channel", CHANNEL, "--against", str(file)]
    found = avm(*options, code=2)
    assert sorted(one["finding"] for one in found["differences"]) == [
        "HASH_DIFFERS", "MISSING_HERE", "MISSING_THERE", "MISSING_THERE"
    ]  # fmt: skip
    assert found["in_line"] == 0
    assert avm(*options, "--resend", code=2)["in_line"] == 3
    assert {row["delivery_id"] for row in avm("deliveries", "list", "--open")["deliveries"]} == {
        one.delivery_id for one in made[1:]
    }


@pytest.mark.requirement("RS3")
def test_after_midnight_each_day_is_reconciled_by_itself_and_once(postgres, tmp_path):
    migrate(postgres, room=ROOM)
    a_day(postgres)
    times = [NIGHT - timedelta(minutes=1), NIGHT, NIGHT, NIGHT + timedelta(days=2)]
    store, files = FileStore(str(tmp_path)), []
    with closing(open_pool(postgres, room=ROOM)) as pool:
        for now in times:
            reconciler = Reconciler(pool=pool, clock=lambda now=now: now, keep_file=store.keep, meters=Meters())
            files.append({(one["channel"], one["day"], one["results"]) for one in reconciler.make_due()})
    assert [len(made) for made in files] == [0, 7, 0, 14]
    assert (CHANNEL, "2026-03-02", 3) in files[1]
    assert store.read(f"2026-03-02/{CHANNEL}.csv").count(b"\n") == 5
    assert store.read("2026-03-04/APP.json")


@pytest.mark.requirement("RS3")
def test_what_is_told_of_a_day_that_was_reconciled_makes_its_files_again(postgres, tmp_path):
    migrate(postgres, room=ROOM)
    a_day(postgres)
    store, now = FileStore(str(tmp_path)), NIGHT
    with closing(open_pool(postgres, room=ROOM)) as pool:
        reconciler = Reconciler(pool=pool, clock=lambda: now, keep_file=store.keep, meters=Meters())
        assert len(reconciler.make_due()) == 7
        late = told(postgres, an_answer(a_request(client_request_id="late")), at=NIGHT)
        with pool.connection() as connection:
            make_again(connection, [(CHANNEL, NIGHT - timedelta(hours=8)), ("APP", NIGHT)], NIGHT)
        (made,) = reconciler.make_due()
    assert (made["channel"], made["day"], made["results"]) == (CHANNEL, "2026-03-02", 4)
    assert late[0].delivery_id.encode() in store.read(f"2026-03-02/{CHANNEL}.csv")


# ---- export ---------------------------------------------------------------------------------------------------------


def a_ledger_with_one_event(dsn):
    migrate(dsn, room="ledger")
    with connect(dsn, room="ledger") as connection:
        connection.execute(
            "insert into ledger_event"
            " (event_id, valuation_id, kind, stage, revision, occurred_at, appended_at, payload)"
            " values (gen_random_uuid(), gen_random_uuid(), 'Resulted', 'result', 1, %(at)s, %(at)s, %(payload)s)",
            {"at": NIGHT - timedelta(hours=8), "payload": '{"reasons": ["LATE"], "value": null}'},
        )


@pytest.mark.requirement("RS5")
def test_an_export_is_complete_in_open_formats_and_says_how_to_check_it(avm, postgres, tmp_path):
    import polars as pl

    made = a_day(postgres)
    told(postgres, replace(an_answer(a_request(client_request_id="later"))), at=NIGHT)
    a_ledger_with_one_event(postgres)
    out = tmp_path / "export"
    options = ["export", "--from", str(DAY), "--to", str(DAY), "--out", str(out), "--parquet"]
    manifest = avm(*options)
    assert json.loads((out / "manifest.json").read_text()) == manifest
    rows = {file["name"]: file["rows"] for file in manifest["files"]}
    assert set(rows) == {
        f"{n}.{e}" for n in ("events", "reports", "deliveries", "receipts") for e in ("jsonl", "parquet")
    }
    assert rows["events.jsonl"] == rows["events.parquet"] == 1
    assert json.loads((out / "events.jsonl").read_text())["payload"] == {"reasons": ["LATE"], "value": None}
    assert rows["deliveries.jsonl"] == rows["deliveries.parquet"] == 4
    for file in manifest["files"]:
        assert sha256((out / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    lines = [json.loads(line) for line in (out / "deliveries.jsonl").read_text().splitlines()]
    assert [line["body"] for line in lines] == [one.body for one in made]
    assert pl.read_parquet(out / "deliveries.parquet")["sha256"].to_list() == [one.sha256 for one in made]
    assert (out / "schemas" / "cn.housevaluation.Delivered.avsc").exists()
    with pytest.raises(CommandError, match="not empty"):
        avm(*options)


def test_the_entries_of_a_day_are_those_of_its_channel_alone(postgres):
    migrate(postgres, room=ROOM)
    told(postgres, an_answer(a_request()), an_answer(a_request(channel="NET_BANK")))
    with connect(postgres, room=ROOM) as connection:
        assert len(entries_of(connection, "NET_BANK", DAY)) == 1
        assert endpoints.endpoints(connection) == ()
