"""The licences that a command goes by: those on the broker, or those of a file where no broker is asked."""

from pathlib import Path

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.reference.live import live_rows
from infra.reference.sources import SourcesError, read_sources
from infra.reference.tables import UnreadableTableError
from infra.settings import Settings
from schemas.catalogue import SOURCES
from schemas.events import SourceLicence
from streams.scoring.licences import Licences


def registered(settings: Settings) -> Licences:
    """What `avm sources` registered on the broker. Without the topic nothing is registered."""
    try:
        rows = live_rows(kafka_conf(settings), SOURCES, SourceLicence, codec(settings))
    except LookupError:
        rows = {}
    return Licences(rows=rows, waived=not settings.require_licences)


def of_file(path: Path) -> Licences:
    """The licences of a file as `avm sources put --file` takes it. Raises `CommandError`."""
    try:
        rows = read_sources(path, now=utc_now())
    except (SourcesError, UnreadableTableError) as error:
        raise CommandError(str(error)) from error
    return Licences(rows={row.source: row for row in rows})
