"""All figures in one run: `make bench`, or `python bench/run.py [--quick] [--only PART …] [--json FILE]`.

Each part is a script of its own and runs alone, one after the other, so that they do not disturb each other. One JSON
object goes to standard output, a table to standard error. Figures from a busy machine are worthless: the load average
before each part stands beside it. Exit code 1 when a part failed; the others are still shown.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
_WITHIN_S = 1_800
_PACKAGES = ("confluent-kafka", "faust-streaming", "aiokafka", "fastavro", "catboost", "numpy", "typst", "psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One script, and what makes it quick."""

    module: str
    quick: tuple[str, ...] = ()

    def command(self, *, quick: bool) -> list[str]:
        """Its command line."""
        return [sys.executable, "-m", self.module, *(self.quick if quick else ())]


PARTS: Mapping[str, Part] = {
    "hop": Part(module="bench.hop", quick=("--flood", "5000")),
    "scoring": Part(module="bench.scoring", quick=("--communities", "600", "--deals", "8000", "--requests", "1000")),
    "enrichment": Part(module="bench.enrichment", quick=("--communities", "5000", "--requests", "1000")),
    "suggestions": Part(module="bench.suggestions", quick=("--communities", "20000", "--queries", "2000")),
    "reporting": Part(module="bench.reporting", quick=("--slips", "20")),
    "flow": Part(module="bench.flow", quick=("--requests", "500", "--seconds", "8")),
    "peers": Part(module="bench.peers", quick=("--flood", "1000")),
}


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "load_average": os.getloadavg(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def run(part: Part, *, quick: bool) -> dict[str, Any]:
    """Run a script; its object, or what it said when it failed."""
    load, began = os.getloadavg()[0], time.monotonic()
    try:
        done = subprocess.run(
            part.command(quick=quick), cwd=ROOT, capture_output=True, text=True, timeout=_WITHIN_S, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        found = {"failed": f"{error.stderr[-2_000:].rstrip()}\nended with exit code {error.returncode}"}
    except subprocess.TimeoutExpired:
        found = {"failed": f"took longer than {_WITHIN_S} s"}
    return found | {"load_before": round(load, 2), "took_s": round(time.monotonic() - began, 1)}


# ---- the table -----------------------------------------------------------------------------------------------------

Row = tuple[str, str, str, str]  # part, figure, value, aim


def rows(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """What a person wants to see of it."""
    for name, found in parts.items():
        if "failed" in found:
            yield name, "failed", found["failed"].strip().rpartition("\n")[2], ""
        else:
            yield from (_READERS[name])(found)


def _drivers(name: str, found: Mapping[str, Any]) -> Iterator[Row]:
    for one in found["figures"]:
        flood = f"{one['messages_per_s']:,}/s, {one['cpu_us_per_message']} µs CPU each"
        yield name, f"{one['side']}, {one['codec']}: flood", flood, ""
        steady = f"p50 {one['p50_ms']} ms, p99 {one['p99_ms']} ms"
        yield name, f"{one['side']}, {one['codec']}: {found['rate']}/s", steady, ""
    for side, why in found.get("unavailable", {}).items():
        yield name, side, why, ""


def _hop(found: Mapping[str, Any]) -> Iterator[Row]:
    yield from _drivers("hop", found)


def _peers(found: Mapping[str, Any]) -> Iterator[Row]:
    yield from _drivers("peers", found)


def _scoring(found: Mapping[str, Any]) -> Iterator[Row]:
    batches = found["us_per_valuation_in_batches_of"]
    yield "scoring", "one alone", f"{found['us_per_valuation_single']} µs CPU", ""
    yield "scoring", "in batches of 500", f"{batches['500']} µs CPU, {1e6 / batches['500']:,.0f}/s", "12,000/s"


def _enrichment(found: Mapping[str, Any]) -> Iterator[Row]:
    yield "enrichment", f"{found['communities']:,} communities", f"{found['us_per_request']} µs CPU", ""


def _reporting(found: Mapping[str, Any]) -> Iterator[Row]:
    yield "reporting", "one slip", f"{found['ms_per_slip']} ms CPU, {1e3 / found['ms_per_slip']:,.0f}/s", ""


def _flow(found: Mapping[str, Any]) -> Iterator[Row]:
    batch = found["batch"]
    yield "flow", f"batch lane, {batch['requests']:,} at once: answers", f"{batch['answers_per_s']:,}/s", "3,000/s"
    yield "flow", "batch lane: reports", f"{batch['reports_per_s']:,}/s", ""
    for process, us in list(batch["us_cpu_per_request"].items())[:9]:
        yield "flow", f"CPU of {process}", f"{us:,} µs per request", ""
    for online in (one for name, one in found.items() if name.startswith("online_")):
        for stage, took in online["ledger_ms"].items():
            yield "flow", f"{online['rate']}/s: {stage}", _percentiles(took), ""
        aim = "p50 50, p99 150 ms" if online["rate"] == 100 else ""
        yield "flow", f"{online['rate']}/s: as seen, end to end", _percentiles(online["seen_ms"]), aim
        yield "flow", f"{online['rate']}/s: lost", str(online["lost"]), "0"
        mistaken = online["late_notices"]["mistaken"]
        yield "flow", f"{online['rate']}/s: late notices after the answer", str(mistaken), "0"
    restart = found["restart"]
    yield "flow", "next value after SIGKILL of the scorer", f"{restart['seconds_to_next_value']} s", "10 s"
    yield "flow", "lost by the kill", str(restart["lost"]), "0"


def _percentiles(took: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {ms:,.0f}" for name, ms in took.items()) + " ms"


_READERS = {
    "hop": _hop,
    "scoring": _scoring,
    "enrichment": _enrichment,
    "reporting": _reporting,
    "flow": _flow,
    "peers": _peers,
}


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    where = found["machine"]
    load = ", ".join(f"{average:.1f}" for average in where["load_average"])
    title = f"{where['at']} · {where['cores']} × {where['processor']} · load average at start {load}"
    table = Table("part", "figure", "measured", "aim", title=title, title_justify="left")
    for row in rows(found["parts"]):
        table.add_row(*row)
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every part worked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small numbers: to see that it works, not to publish")
    options.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    options.add_argument("--json", type=Path, help="write the object to this file too")
    chosen = options.parse_args(arguments)
    console = Console(stderr=True)
    found: dict[str, Any] = {"machine": machine(), "quick": chosen.quick, "parts": {}}
    for name in chosen.only:
        console.print(f"{name} …")
        found["parts"][name] = run(PARTS[name], quick=chosen.quick)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    show(found, console)
    return 1 if any("failed" in part for part in found["parts"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
