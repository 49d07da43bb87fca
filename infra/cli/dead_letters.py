"""`avm dead-letters list|show|replay`: what could not be handled, why, and putting it back."""

import getpass
import json
import logging
import time
import uuid
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.dead_letters.letters import BuriedRecord, Filter, Place, grouped, originals, read
from infra.dead_letters.replay import Replay, ReplayPlan, Sender, plan
from infra.dead_letters.view import shown
from infra.kafka.producer import Publisher
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import ClientConf
from schemas.catalogue import DEAD_LETTERS, TOPICS
from schemas.errors import PublishError
from streams.runtime.failures import FailureClass

app = typer.Typer(add_completion=False, no_args_is_help=True)

log = logging.getLogger(__name__)

_TOPICS: Final = {name: topic for topic in TOPICS if topic.event is not None for name in topic.names}
# On a compacted topic an old record would take the place of a newer one of its key.
_REPLAYABLE: Final = frozenset(name for name, topic in _TOPICS.items() if not topic.compacted)
_LISTED: Final = 40  # lines of a plan or of records that fit a screen; `--json` has all
_SPANS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_AS_JSON: Final = typer.Option("--json", help="Print one JSON object.")
_STAGE: Final = typer.Option(help="Only what this stage or consumer buried.")
_KIND: Final = typer.Option("--class", help="Only failures of this class.")
_TOPIC: Final = typer.Option(help="Only records of this topic; without a lane, of all its lanes.")
_SINCE: Final = typer.Option(help="Only what failed since then: 30m, 12h, 3d, or an instant (2026-11-25T08:00+08:00).")
_REPLAYED: Final = typer.Option("--replayed", help="Those too that were replayed already.")


@app.command("list")
def list_(
    *,
    stage: Annotated[str | None, _STAGE] = None,
    kind: Annotated[FailureClass | None, _KIND] = None,
    topic: Annotated[str | None, _TOPIC] = None,
    since: Annotated[str | None, _SINCE] = None,
    replayed: Annotated[bool, _REPLAYED] = False,
    records: Annotated[bool, typer.Option("--records", help="Name each record, not only their numbers.")] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Count what waits, by class, stage and topic. A record that two rooms buried counts once."""
    everything, strange = _read(_conf())
    wanted = Filter(stage=stage, kind=kind, topic=topic, since=_instant(since), replayed=replayed)
    found = [record for record in everything if wanted.matches(record)]
    now = utc_now()
    groups = grouped(found)
    if as_json:
        answer: dict[str, Any] = {
            "records": len(found),
            "oldest_age_s": max(
                (round((now - record.first_failed_at).total_seconds()) for record in found), default=None
            ),
            "groups": [{**asdict(group), "oldest": group.oldest.isoformat()} for group in groups],
            "unreadable": strange,
        }
        if records:
            answer["each"] = [_line(record) for record in found]
        print(json.dumps(answer, ensure_ascii=False))
        return
    console = Console()
    if found:
        console.print(_group_table(groups, len(found), now))
    else:
        console.print("No dead letters wait." if wanted == Filter() else "No dead letters match.")
    if records:
        console.print(_record_table(found))
    if strange:
        console.print(f"{strange} records of {DEAD_LETTERS.name} do not say what they are about.")


@app.command()
def show(
    topic: Annotated[str, typer.Argument(help="Topic of the original, e.g. valuation.scored.online.")],
    partition: Annotated[int, typer.Argument(help="Partition of the original.", min=0)],
    offset: Annotated[int, typer.Argument(help="Offset of the original.", min=0)],
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Show one record: why it was buried, its headers and sizes, and its event with the address masked."""
    settings = settings_in_force()
    place = Place(topic=topic, partition=partition, offset=offset)
    everything, _ = _read(kafka_conf(settings))
    record = next((record for record in everything if record.place == place), None)
    if record is None:
        raise CommandError(f"no dead letter is about {place}; `avm dead-letters list --records` names them")
    log.info("dead letter %s shown to %s", place, getpass.getuser())
    answer = shown(record, codec(settings), _TOPICS)
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        Console().print_json(json.dumps(answer, ensure_ascii=False), ensure_ascii=False)


@app.command()
def replay(
    *,
    stage: Annotated[str | None, _STAGE] = None,
    kind: Annotated[FailureClass | None, _KIND] = None,
    topic: Annotated[str | None, _TOPIC] = None,
    since: Annotated[str | None, _SINCE] = None,
    key: Annotated[str | None, typer.Option(help="Only records of this key, e.g. a valuation id.")] = None,
    replayed: Annotated[bool, _REPLAYED] = False,
    at_most: Annotated[int | None, typer.Option(help="Only the first so many, to try with.", min=1)] = None,
    per_second: Annotated[int, typer.Option(help="Records a second at most.", min=1)] = 20,
    reason: Annotated[str, typer.Option(help="Why; kept in log and headers. No address, no name.")] = "",
    by: Annotated[str, typer.Option(help="Who; default: the account.")] = "",
    send: Annotated[bool, typer.Option("--send", help="Really send; without it, only show what would be.")] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Put records back on the topics they came from, in their order, with their own keys and values."""
    if send and not reason.strip():
        raise CommandError("say why with --reason: it is kept with every record sent")
    conf = _conf()
    everything, _ = _read(conf)
    wanted = Filter(
        stage=stage,
        kind=kind,
        topic=topic,
        key=None if key is None else key.encode(),
        since=_instant(since),
        replayed=replayed,
    )
    chosen = [record for record in everything if wanted.matches(record)][:at_most]
    who = Replay(replay_id=str(uuid.uuid4()), by=by.strip() or getpass.getuser(), reason=reason.strip())
    planned = plan(chosen, who, topics=_REPLAYABLE)
    sent = _send(planned, conf, per_second) if send else 0
    if as_json:
        print(json.dumps(_summary(planned, sent), ensure_ascii=False))
    else:
        _show_plan(planned, sent, send=send, per_second=per_second)


def _conf() -> ClientConf:
    return kafka_conf(settings_in_force())


def _read(conf: ClientConf) -> tuple[tuple[BuriedRecord, ...], int]:
    """Every buried record, and how many records of the topic say nothing that could be read."""
    try:
        with TopicReader(conf, [DEAD_LETTERS.name], start=Start.BEGINNING) as reader:
            written = [read(message) for message in reader.to_end()]
    except (LookupError, KafkaException, TimeoutError) as error:
        raise CommandError(f"the dead letters cannot be read: {error}") from error
    return originals(one for one in written if one is not None), sum(one is None for one in written)


def _send(planned: ReplayPlan, conf: ClientConf, per_second: int) -> int:
    sent = 0

    def give_up(why: str) -> None:
        log.critical("publishing ended: %s", why)

    with closing(Publisher(conf, on_fatal=give_up)) as publisher:
        sender = Sender(
            publisher=publisher,
            dead_letters=DEAD_LETTERS.name,
            per_second=per_second,
            clock=utc_now,
            elapsed=time.monotonic,
            pause=time.sleep,
        )
        try:
            for sent in sender.send(planned):
                log.info("%d of %d sent", sent, len(planned.steps))
        except PublishError as error:
            raise CommandError(
                f"{sent} of {len(planned.steps)} records were sent, then: {error}. Give the command again for the rest"
            ) from error
    return sent


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if unit in _SPANS and number.isascii() and number.isdigit():
        return utc_now() - int(number) * _SPANS[unit]
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text}: give 30m, 12h, 3d, or an instant like 2026-11-25T08:00+08:00") from None
    return told if told.tzinfo is not None else told.astimezone(UTC)


def _line(record: BuriedRecord) -> dict[str, Any]:
    return {
        "record": str(record.place),
        "key": record.letter.key.decode(errors="replace"),
        "classes": record.kinds,
        "stages": record.stages,
        "error": record.letter.error,
        "first_failed_at": record.first_failed_at.isoformat(),
        "failed_again": record.letter.failed_again,
        "open": record.open,
    }


def _group_table(groups: Any, count: int, now: datetime) -> Table:
    table = Table("class", "stage", "topic", "records", "after a replay", "oldest", title=f"Records: {count:,}")
    for group in groups:
        table.add_row(
            " + ".join(group.kinds),
            " + ".join(group.stages),
            group.topic,
            f"{group.records:,}",
            f"{group.failed_again:,}" if group.failed_again else "",
            _age(now - group.oldest),
        )
    return table


def _record_table(found: list[BuriedRecord]) -> Table:
    table = Table("topic partition offset", "class", "stage", "error", "first failed")
    for record in found[:_LISTED]:
        line, place = _line(record), record.place
        table.add_row(
            f"{place.topic} {place.partition} {place.offset}",
            " + ".join(record.kinds),
            " + ".join(record.stages),
            line["error"],
            record.first_failed_at.astimezone().isoformat(timespec="seconds"),
        )
    if len(found) > _LISTED:
        table.caption = f"and {len(found) - _LISTED} more; --json names all"
    return table


def _age(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _summary(planned: ReplayPlan, sent: int) -> dict[str, Any]:
    return {
        "replay_id": planned.replay.replay_id,
        "by": planned.replay.by,
        "reason": planned.replay.reason,
        "planned": [str(step.place) for step in planned.steps],
        "hindered": [{"record": str(place), "because": because.value} for place, because in planned.hindered],
        "sent": sent,
    }


def _show_plan(planned: ReplayPlan, sent: int, *, send: bool, per_second: int) -> None:
    console = Console()
    table = Table("back to", "partition", "offset", "key", "bytes", title=f"Records to replay: {len(planned.steps):,}")
    for step in planned.steps[:_LISTED]:
        place, record = step.place, step.record
        table.add_row(
            place.topic,
            str(place.partition),
            str(place.offset),
            record.key.decode(errors="replace"),
            f"{len(record.value or b''):,}",
        )
    if len(planned.steps) > _LISTED:
        table.caption = f"and {len(planned.steps) - _LISTED} more"
    console.print(table)
    for place, because in planned.hindered:
        console.print(f"Not {place}: {because}.", markup=False)
    if send:
        console.print(f"Records sent: {sent}, as replay {planned.replay.replay_id}.", markup=False)
    else:
        seconds = -(-len(planned.steps) // per_second)
        console.print(f"Nothing sent. Add --send to send these records, {per_second} a second ({seconds} s).")
