"""What every composition root builds first: how to reach the broker, the codec, the clock."""

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from infra.cli import CommandError
from infra.embedded.stack import Connections, running_connections
from infra.kafka.security import ClientConf, client_conf
from infra.registry.confluent import ConfluentRegistry
from infra.settings import Settings
from schemas.codec import Codec
from schemas.domain.channels import ChannelFileError, enlist, read_channels
from schemas.domain.worktime import SHANGHAI
from schemas.registry import CatalogueRegistry

LOCAL_PARTITIONS = 4  # enough to show several workers, cheap on one machine
LOCAL_REPLICATION = 1
LOOPBACK_NETWORK = "127.0.0.0/8"


class NothingRunsError(CommandError):
    """No broker is named and no local stack runs."""

    def __init__(self, state: Path) -> None:
        super().__init__(
            f"no broker: AVM_KAFKA__BOOTSTRAP is empty and no local stack runs in {state}. Start one with `avm up`, "
            "or name the broker"
        )


def utc_now() -> datetime:
    """The clock handed to stages, consumers and producers."""
    return datetime.now(UTC)


def shanghai_today() -> date:
    """The calendar day of the bank."""
    return datetime.now(SHANGHAI).date()


def settings_in_force() -> Settings:
    """The environment's settings; broker and database of the local stack where they name none and one is running.

    The operator's channels are known from then on.

    Raises:
        NothingRunsError: Neither is there.
        CommandError: The file of channels cannot be used.
    """
    settings = Settings()
    enlist_channels(settings)
    if settings.kafka.bootstrap:
        return settings
    found = running_connections(settings.state)
    if found is None:
        raise NothingRunsError(settings.state)
    return reaching(settings, found)


def enlist_channels(settings: Settings) -> None:
    """Let the operator's channels stand beside the packaged ones. Raises `CommandError` for a file that is wrong."""
    if settings.channels_file is None:
        return
    try:
        enlist(read_channels(settings.channels_file.read_text(encoding="utf-8")))
    except (OSError, UnicodeError, ChannelFileError) as error:
        raise CommandError(f"AVM_CHANNELS_FILE {settings.channels_file}: {error}") from error


def reaching(settings: Settings, connections: Connections) -> Settings:
    """The same settings with broker, database and pages of a local stack filled in."""
    local = {"bootstrap": connections.bootstrap, "partitions": LOCAL_PARTITIONS, "replication": LOCAL_REPLICATION}
    pages = connections.pages
    # a bank system that somebody tries out runs beside the stack
    callbacks = {"networks": (*settings.callbacks.networks, LOOPBACK_NETWORK), "allow_http": True}
    gateway = {"public_url": pages.get("gateway", ""), "ledger_url": pages.get("ledger", "")}
    return settings.model_copy(
        update={
            "state": settings.state.resolve(),
            "kafka": settings.kafka.model_copy(update=local),
            "postgres": settings.postgres.model_copy(update={"dsn": SecretStr(connections.dsn)}),
            "gateway": settings.gateway.model_copy(update={k: v for k, v in gateway.items() if v}),
            "batch": settings.batch.model_copy(update={"url": settings.batch.url or pages.get("batch", "")}),
            "callbacks": settings.callbacks.model_copy(update=callbacks),
        }
    )


def kafka_conf(settings: Settings) -> ClientConf:
    """Librdkafka's settings for the broker of these settings."""
    kafka = settings.kafka
    return client_conf(
        kafka.bootstrap,
        sasl_username=kafka.user,
        sasl_password=kafka.password.get_secret_value(),
        ca_path=Path(kafka.ca_file) if kafka.ca_file else None,
    )


def codec(settings: Settings) -> Codec:
    """The codec over the registry in force."""
    return Codec(ConfluentRegistry(settings.registry.url) if settings.registry.url else CatalogueRegistry())
