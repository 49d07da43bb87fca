"""`avm topics plan|apply|export`: the topics of the catalogue on a broker."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from confluent_kafka.admin import AdminClient

from infra.cli import CommandError
from infra.cli.connections import kafka_conf, settings_in_force
from infra.cli.up import catalogue_topics
from infra.generate.acl import acls, kafka_acls, strimzi_users
from infra.kafka.admin import Plan, TopicsError, WantedTopic, plan
from infra.kafka.admin import apply as apply_plan
from infra.registry.confluent import ConfluentRegistry, SchemaRefusedError
from infra.settings import Settings
from schemas.catalogue import TOPICS

app = typer.Typer(add_completion=False, no_args_is_help=True)

_AS_JSON = typer.Option("--json", help="Print one JSON object.")


class AclFormat(StrEnum):
    """What `acl` writes."""

    KAFKA_ACLS = "kafka-acls"
    STRIMZI = "strimzi"


class Format(StrEnum):
    """What `export` writes."""

    JSON = "json"
    STRIMZI = "strimzi"


@app.command("plan")
def show_plan(as_json: Annotated[bool, _AS_JSON] = False) -> None:
    """Show how the broker's topics differ from the catalogue; change nothing. Exit code 2 when they differ."""
    _, planned = _planned()
    _show(planned, as_json=as_json)
    if not planned.empty:
        raise typer.Exit(2)


@app.command()
def apply(
    register: Annotated[
        bool, typer.Option("--register", help="Register the schemas too, at AVM_REGISTRY__URL.")
    ] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Create missing topics and correct settings. Never deletes, never changes a partition count."""
    admin, planned = _planned()
    try:
        apply_plan(admin, planned)
    except TopicsError as error:
        typer.echo(f"avm topics: {error}", err=True)
        raise typer.Exit(1) from None
    if register:
        _register(settings_in_force().registry.url)
    _show(planned, as_json=as_json)


def _register(url: str) -> None:
    if not url:
        raise CommandError("--register needs a registry: set AVM_REGISTRY__URL")
    registry = ConfluentRegistry(url)
    for topic in TOPICS:
        if topic.event is not None:
            try:
                registry.register(topic)
            except SchemaRefusedError as error:
                raise CommandError(str(error)) from error


@app.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="Our own list, or Strimzi KafkaTopic resources.")] = (
        Format.JSON
    ),
    cluster: Annotated[str, typer.Option(help="Strimzi cluster the topics belong to.")] = "valuation",
) -> None:
    """Print the topics of the catalogue as these settings want them; needs no broker."""
    wanted = catalogue_topics(Settings())
    document = [asdict(topic) for topic in wanted] if form is Format.JSON else strimzi(wanted, cluster)
    print(json.dumps(document, indent=2, ensure_ascii=False))


@app.command()
def acl(
    form: Annotated[AclFormat, typer.Option("--format", help="A kafka-acls.sh script, or Strimzi KafkaUsers.")] = (
        AclFormat.KAFKA_ACLS
    ),
    principal: Annotated[str, typer.Option(help="Only this one, e.g. bank-net-bank; empty: all.")] = "",
    cluster: Annotated[str, typer.Option(help="Strimzi cluster the users belong to.")] = "valuation",
) -> None:
    """Print who may read and write which topic, to be granted on a broker; needs none."""
    permissions = [one for one in acls() if principal in {"", one.principal}]
    if not permissions:
        known = ", ".join(sorted({one.principal for one in acls()}))
        raise CommandError(f"there is no principal {principal!r}; there are {known}")
    if form is AclFormat.STRIMZI:
        print(json.dumps(strimzi_users(permissions, cluster), indent=2))
    else:
        print(kafka_acls(permissions, Settings().kafka.bootstrap or "localhost:9092"), end="")


def strimzi(wanted: tuple[WantedTopic, ...], cluster: str) -> dict[str, Any]:
    """Return a Kubernetes List of Strimzi KafkaTopics; JSON, which `kubectl apply -f` takes as well as YAML."""
    items = [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": cluster}},
            "spec": {
                "partitions": topic.partitions,
                "replicas": topic.replication_factor,
                "config": dict(topic.config),
            },
        }
        for topic in wanted
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _planned() -> tuple[AdminClient, Plan]:
    settings = settings_in_force()
    admin = AdminClient(kafka_conf(settings))
    return admin, plan(admin, catalogue_topics(settings))


def _show(planned: Plan, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(planned), ensure_ascii=False))
        return
    lines = [f"+ {topic.name}  {topic.partitions} partitions" for topic in planned.missing]
    lines += [f"~ {change.name}  {change.setting}: {change.found} -> {change.wanted}" for change in planned.changed]
    lines += [
        f"! {topic.name}  has {topic.found} partitions, the catalogue says {topic.wanted}"
        for topic in planned.wrong_partitions
    ]
    print("\n".join(lines) or "The topics are as the catalogue wants them.")
