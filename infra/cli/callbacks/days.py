"""`avm callbacks reconcile` and `export`: whole days, held against the bank's file or taken out."""

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from consumers.callbacks import resending
from consumers.callbacks.days import entries_of, files_of
from consumers.callbacks.reconciliation import BankFileError, as_row, compare, manifest, read_bank_file, to_send_again
from infra.cli import CommandError
from infra.cli.callbacks.common import AsJson, OfChannel, bank_channel, day_of, room, tell
from infra.cli.callbacks.exporting import export_span
from infra.cli.connections import settings_in_force, utc_now
from schemas.catalogue import BANK_ANSWERS

_DIFFERS: Final = 2  # exit code of `reconcile --against` when something differs


def reconcile(
    day: Annotated[str, typer.Option(help="Day in Shanghai, YYYY-MM-DD.")],
    channel: OfChannel = None,
    out: Annotated[Path | None, typer.Option(help="Folder for CSV and manifest of each channel.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="The bank's own CSV of a channel: delivery_id, sha256 and perhaps value.")
    ] = None,
    resend_: Annotated[bool, typer.Option("--resend", help="Send again what differs, with --against.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sum up a day by channel, or hold it against the bank's file; exit code 2 when something differs."""
    on = day_of(day, "--day")
    if against is not None and channel is None:
        raise CommandError("--against is the file of one channel: name it by --channel")
    if resend_ and against is None:
        raise CommandError("--resend sends again what differs from the bank's file: add --against FILE")
    codes = [bank_channel(channel)] if channel else list(BANK_ANSWERS)
    if against is not None:
        _reconcile_against(codes[0], on, against, send=resend_, as_json=as_json)
        return
    with room() as connection:
        days = {code: entries_of(connection, code, on) for code in codes}
    if out is not None:
        for code, entries in days.items():
            for name, content in files_of(code, on, entries).items():
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(content)
    summaries = [manifest(code, on, entries) for code, entries in days.items()]
    shown = ("channel", "results", "final_results", "slips", "receipts", "sum_of_values", "hash")
    tell({"channels": summaries}, [{name: one[name] for name in shown} for one in summaries], as_json=as_json)


def _reconcile_against(code: str, on: date, file: Path, *, send: bool, as_json: bool) -> None:
    try:
        theirs = read_bank_file(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, BankFileError) as error:
        raise CommandError(f"{file}: {error}") from error
    with room() as connection:
        ours = entries_of(connection, code, on)
        differences = compare(ours, theirs)
        again = resending.send_again(connection, to_send_again(differences), utc_now()) if send else 0
    rows = [as_row(difference) for difference in differences]
    told = {"channel": code, "day": on.isoformat(), "here": len(ours), "there": len(theirs), "in_line": again}
    tell(told | {"differences": rows}, rows, as_json=as_json, nothing="Nothing differs.")
    if differences:
        raise typer.Exit(_DIFFERS)


def export(
    out: Annotated[Path, typer.Option(help="Empty or new folder.")],
    from_: Annotated[str, typer.Option("--from", help="First day in Shanghai, YYYY-MM-DD.")],
    to: Annotated[str, typer.Option("--to", help="Last day in Shanghai, YYYY-MM-DD.")],
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet beside JSON Lines.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write everything of these days in an open format: events of all valuations, deliveries, receipts, schemas."""
    first, last = day_of(from_, "--from"), day_of(to, "--to")
    if last < first:
        raise CommandError(f"--to {last} lies before --from {first}")
    if out.exists() and any(out.iterdir()):
        raise CommandError(f"{out} is not empty: an export is whole or not at all, so give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    dsn = settings_in_force().postgres.dsn.get_secret_value()
    made = export_span(dsn, out, first=first, last=last, at=utc_now(), parquet=parquet)
    tell(made, made["files"], as_json=as_json)
