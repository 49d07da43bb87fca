"""`avm report`: preview and check the templates of reports, fetch an issued one, revoke a wrong one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from infra.cli import CommandError
from infra.cli.connections import enlist_channels, settings_in_force, utc_now
from infra.cli.report_revocation import operator, proposed_lines, revoked_lines
from infra.settings import Settings
from schemas.errors import PermanentError
from schemas.events import Resulted

if TYPE_CHECKING:
    from infra.postgres.pool import Pool
    from streams.reporting.package import Package
    from streams.reporting.render import TypstRenderer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Templates of reports, and the reports themselves.")

_LEDGER: Final = "ledger"
_PPI: Final = 144.0  # twice a screen's: small print can be read
Template = Annotated[
    Path | None, typer.Option("--template", help="A template package, folder or zip; else the one in the settings.")
]


@app.command()
def preview(
    template: Template = None,
    case: Annotated[str | None, typer.Option(help="One sample answer by its name; every one when left out.")] = None,
    event: Annotated[Path | None, typer.Option(help="An answer (`Resulted`) as JSON instead of a sample.")] = None,
    valuation: Annotated[str | None, typer.Option(help="The answer of a valuation in the ledger instead.")] = None,
    out: Annotated[Path, typer.Option(help="File to write, .pdf or .png; each case gets its name put in.")] = Path(
        "slip.pdf"
    ),
) -> None:
    """Draw reports as the reporting stage would, without a broker."""
    if out.suffix not in {".pdf", ".png"}:
        raise CommandError(f"{out} is neither a .pdf nor a .png file")
    if sum(one is not None for one in (case, event, valuation)) > 1:
        raise CommandError("give one of --case, --event and --valuation")
    settings = _with_channels()
    package, renderer = _checked(template or settings.report_template, settings)
    answers = _answers(package, case, event, valuation)
    for name, answer in answers.items():
        path = out if len(answers) == 1 else out.with_stem(f"{out.stem}-{name}")
        print(_draw(settings, package, renderer, answer, path))


@app.command()
def check(template: Annotated[Path, typer.Argument(help="The template package, a folder or a zip file.")]) -> None:
    """Read a template package and draw every sample with it; faults are told with file and line."""
    package, _ = _checked(template, _with_channels())
    print(f"{template}: {package.template_version} is good; {len(package.samples)} sample(s) of its own were drawn")


@app.command()
def fetch(
    report_no: Annotated[str, typer.Argument(help="e.g. GJ-20261124-7Q2K-9XMD-04VN-1.")],
    out: Annotated[Path | None, typer.Option(help="File to write; default: the number with .pdf.")] = None,
    original: Annotated[bool, typer.Option("--original", help="As issued, also where it was revoked.")] = False,
) -> None:
    """Fetch an issued report; one that no longer counts as a copy marked 已作废; the original stays."""
    from consumers.ledger.queries import LedgerQueries
    from infra.cli.report_stamp import report_stamp
    from infra.storage.reports import ReportStore
    from schemas.events import ReportRevoked
    from schemas.json_events import event_from_json

    settings = settings_in_force()
    with _ledger(settings) as pool:
        report = LedgerQueries(pool).report(report_no)
    if report is None:
        raise CommandError(f"there is no report {report_no}")
    try:
        pdf = ReportStore(settings.reports_url).read(report.payload["uri"])
    except OSError as error:
        raise CommandError(f"the report store does not give {report.payload['uri']}: {error}") from None
    if report.revoked is not None and not original:
        try:
            pdf = report_stamp(settings)(pdf, event_from_json(ReportRevoked, report.revoked))
        except PermanentError as error:
            raise CommandError(f"{error}; fetch it with --original") from None
    path = out or Path(f"{report_no}.pdf")
    path.write_bytes(pdf)
    state = f"revoked: {report.revoked['reason']}" if report.revoked else "in force"
    print(f"{path}: report {report_no}, {state}, {len(pdf):,} bytes")


@app.command()
def revoke(
    report_no: Annotated[str, typer.Argument(help="The number of the wrong report.")],
    by: Annotated[str, typer.Option("--by", help="Who does it: a staff number, no name.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why, as the bank shall read it (Chinese).")] = None,
    confirming: Annotated[bool, typer.Option("--confirm", help="Confirm what another person proposed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Revoke a wrong report, in two acts of two people: one proposes it with --reason, another confirms it in a day.

    Once it is confirmed the ledger tells the bank within a second; the file stays as it was issued.
    """
    from consumers.ledger.revoking import RevocationError, confirm, propose

    if confirming == (reason is not None):
        raise CommandError(
            "give --reason to propose a revocation, or --confirm to confirm what another person proposed"
        )
    who, at = operator(), utc_now()
    with _ledger(settings_in_force()) as pool, pool.connection() as connection:
        try:
            if reason is not None:
                proposal = propose(connection, report_no, reason=reason, by=by, operator=who, at=at)
                told, line = proposed_lines(proposal)
            else:
                told, line = revoked_lines(confirm(connection, report_no, by=by, operator=who, at=at))
        except RevocationError as error:
            raise CommandError(str(error)) from None
    print(json.dumps(told, ensure_ascii=False) if as_json else line)


@app.command()
def revocations(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False) -> None:
    """Show the revocations that wait for a second person."""
    from consumers.ledger.revoking import open_proposals

    with _ledger(settings_in_force()) as pool, pool.connection() as connection:
        shown = [proposed_lines(one) for one in open_proposals(connection, now=utc_now())]
    if as_json:
        print(json.dumps([told for told, _ in shown], ensure_ascii=False))
    else:
        print("\n".join(line for _, line in shown) or "no revocation waits for a second person")


def _with_channels() -> Settings:
    """The settings, with the operator's channels known: a package may be for one of them."""
    settings = Settings()
    enlist_channels(settings)
    return settings


def _checked(template: Path | None, settings: Settings) -> tuple["Package", "TypstRenderer"]:
    from infra.cli.report_template import folder_in_use
    from streams.reporting.check import checked_package
    from streams.reporting.fonts import font_folder
    from streams.reporting.package import SHIPPED

    keep = settings.state / "report-templates"
    try:
        folder = SHIPPED if template is None else folder_in_use(template, keep)
        return checked_package(folder, font_folder())
    except PermanentError as error:
        raise CommandError(str(error)) from None


def _answers(package: "Package", case: str | None, event: Path | None, valuation: str | None) -> Mapping[str, Resulted]:
    from streams.reporting.check import samples
    from streams.reporting.sample import SampleError, read_answer

    if valuation is not None:
        return {valuation: _of_valuation(valuation)}
    if event is not None:
        try:
            return {event.stem: read_answer(event)}
        except SampleError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"cannot read the event: {error}") from None
    known, _ = samples(package)
    if case is None:
        return known
    if case not in known:
        raise CommandError(f"there is no sample {case!r}; there are {', '.join(known)}")
    return {case: known[case]}


def _of_valuation(valuation: str) -> Resulted:
    from uuid import UUID

    from consumers.ledger.queries import LedgerQueries
    from schemas.json_events import event_from_json

    try:
        number = UUID(valuation)
    except ValueError:
        raise CommandError(f"{valuation!r} is no valuation's id") from None
    with _ledger(settings_in_force()) as pool:
        answer = LedgerQueries(pool).answer(number)
    if answer is None:
        raise CommandError(f"valuation {valuation} has no answer in the ledger")
    return event_from_json(Resulted, answer)


def _draw(settings: Settings, package: "Package", renderer: "TypstRenderer", answer: Resulted, out: Path) -> str:
    from streams.reporting.content import SlipTerms, slip
    from streams.reporting.sample import GATEWAY_URL

    terms = SlipTerms(
        contract_ref=settings.contract_ref,
        issuer=settings.issuer,
        verification_url=f"{settings.gateway.public_url or GATEWAY_URL}/verify",
        texts=package.texts,
    )
    try:
        drawn = slip(answer, terms)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if out.suffix == ".pdf":
        rendered = renderer.render(drawn.content, issued_at_s=int(answer.resulted_at.timestamp()))
        out.write_bytes(rendered.pdf)
        return f"{out}: report {drawn.report_no}, {rendered.pages} page(s), {len(rendered.pdf):,} bytes"
    pages = renderer.images(drawn.content, ppi=_PPI)
    paths = [out if len(pages) == 1 else out.with_stem(f"{out.stem}-{place}") for place in range(1, len(pages) + 1)]
    for path, page in zip(paths, pages, strict=True):
        path.write_bytes(page)
    return f"{', '.join(map(str, paths))}: report {drawn.report_no}"


@contextmanager
def _ledger(settings: Settings) -> Iterator["Pool"]:
    from infra.postgres.pool import open_pool

    with open_pool(settings.postgres.dsn.get_secret_value(), room=_LEDGER) as pool:
        yield pool
