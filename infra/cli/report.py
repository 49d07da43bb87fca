"""`avm report preview`: look at the 估价报告单 without a broker."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli import CommandError
from infra.settings import Settings
from schemas.events import Resulted

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Preview the valuation report.")


@app.callback()
def group() -> None:
    """Keep `preview` a sub-command, though it is the only one yet."""


@app.command()
def preview(
    out: Annotated[Path, typer.Option(help="PDF to write.")] = Path("slip.pdf"),
    event: Annotated[Path | None, typer.Option(help="A Resulted event as JSON; a made-up one when left out.")] = None,
    manual: Annotated[bool, typer.Option("--manual", help="The made-up one as a reviewer values it.")] = False,
) -> None:
    """Render a slip as the reporting stage would."""
    from streams.reporting import sample
    from streams.reporting.content import SlipTerms, slip
    from streams.reporting.fonts import font_folder
    from streams.reporting.render import TypstRenderer

    settings = Settings()
    result = _read(event) if event else sample.manual() if manual else sample.automatic()
    terms = SlipTerms(
        contract_ref=settings.contract_ref,
        issuer=settings.issuer,
        verification_url=f"{settings.gateway.public_url or sample.GATEWAY_URL}/verify",
    )
    try:
        drawn = slip(result, terms)
    except ValueError as error:
        raise CommandError(str(error)) from None
    rendered = TypstRenderer(font_folder()).render(drawn.content, issued_at_s=int(result.resulted_at.timestamp()))
    out.write_bytes(rendered.pdf)
    print(f"{out}: report {drawn.report_no}, {rendered.pages} page(s), {len(rendered.pdf):,} bytes")


def _read(path: Path) -> Resulted:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Resulted).validate_json(path.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read the event: {error}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise CommandError(f"{path} is no Resulted event:\n  " + "\n  ".join(faults)) from None
