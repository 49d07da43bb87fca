"""`avm policy check|show|dry-run`: routing policies."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.settings import Settings
from schemas.domain.texts import REASON_TEXTS, reason_text
from schemas.events import Scored
from streams.routing.policy import Policy, PolicyError, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.rehearsal import Rehearsal, rehearse

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check, show and rehearse routing policies.")

_FILE = typer.Argument(help="Policy file; the one in force when left out.")
_AS_JSON = typer.Option("--json", help="Print one JSON object.")


@app.command()
def check(file: Annotated[Path | None, _FILE] = None) -> None:
    """Read a policy strictly; list all its faults. Exit code 1 when it has any."""
    policy = _read(file)
    print(f"policy {policy.version} is valid, effective from {policy.effective_from}, sha256 {policy.sha256}")


@app.command()
def show(file: Annotated[Path | None, _FILE] = None, as_json: Annotated[bool, _AS_JSON] = False) -> None:
    """Show the thresholds of a policy, by city, property class and profile."""
    policy = _read(file)
    rows = [
        {"city": city or "*", "class": kind.value, "profile": profile.value, **asdict(thresholds)}
        for (city, kind, profile), thresholds in policy.thresholds.items()
    ]
    if as_json:
        print(json.dumps({"version": policy.version, "sha256": policy.sha256, "thresholds": rows}, ensure_ascii=False))
        return
    table = Table(*rows[0], title=f"{policy.version}, effective from {policy.effective_from}")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console().print(table)


@app.command("dry-run")
def dry_run(
    file: Annotated[Path, typer.Argument(help="The policy to rehearse.")],
    hours: Annotated[float, typer.Option(help="How far back, by the time of scoring.")] = 24.0,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Show what a policy would have decided on what was scored lately, beside the one in force. Changes nothing."""
    new, in_force = _read(file), _read(None)
    outcome = rehearse(_scored_lately(timedelta(hours=hours)), in_force, new)
    if as_json:
        print(json.dumps({"before": in_force.version, "after": new.version, **asdict(outcome)}, ensure_ascii=False))
    else:
        _print(outcome, in_force, new)


def _read(file: Path | None) -> Policy:
    path = file or Settings().policy or DEFAULT_POLICY
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read the policy: {error}") from None
    except PolicyError as error:
        raise CommandError(f"{path} is refused:\n  " + "\n  ".join(error.faults)) from None


def _scored_lately(span: timedelta) -> Iterator[Scored]:
    from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
    from infra.kafka.reader import Start, TopicReader
    from schemas.catalogue import SCORED

    settings = settings_in_force()
    decode, since = codec(settings).decode, utc_now() - span
    with TopicReader(kafka_conf(settings), SCORED.names, start=Start.BEGINNING) as reader:
        for message in reader.to_end():
            event = decode(message.value(), Scored)
            if event.scored_at >= since:
                yield event


def _print(outcome: Rehearsal, before: Policy, after: Policy) -> None:
    table = Table("", before.version, after.version, title=f"{outcome.valuations} valuations")
    all_of_them = outcome.valuations
    table.add_row("automatic", *(_share(n, all_of_them) for n in (outcome.automatic_before, outcome.automatic_after)))
    most_first = Counter(outcome.reasons_after)
    most_first.update(dict.fromkeys(outcome.reasons_before, 0))
    for code, _ in most_first.most_common():
        said = f"{code} {reason_text(code)}" if code in REASON_TEXTS else code
        table.add_row(said, str(outcome.reasons_before.get(code, 0)), str(outcome.reasons_after.get(code, 0)))
    Console().print(table)
    print(f"newly automatic: {outcome.newly_automatic}; newly to a person: {outcome.newly_reviewed}")


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})" if whole else "0"
