"""Cutting addresses, side by side: the learned tagger, the rules, a plain CRF, cpca and jionlp, on the same rows.

    python -m bench.addresses --labelled FILE [--unlabelled FILE] [--artefact FILE] [--json FILE]

Rows of the split `train` are learned from (ours, unless an artefact is given, and the CRF's), rows of `dev` are scored.
cpca and jionlp find provinces, cities and districts alone: all are compared on how many of the stated ones they
recover. Times are processor time (all threads) of one address at a time, features included. The public tools run in an
environment of their own, made in `build/addresses` from `requirements-addresses.txt`; what cannot run is named under
`unavailable`. No address is printed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.environment import python_of
from infra.cli.evaluate.parsing import score
from schemas.domain.divisions import Divisions, divisions, shortened
from streams.enrichment.parse import parse
from streams.enrichment.tagging import lexicon
from streams.enrichment.tagging.aligned import normalised
from streams.enrichment.tagging.labelled import LabelledAddress, of_splits, read_labelled, read_texts
from streams.enrichment.tagging.metrics import figures
from streams.enrichment.tagging.spans import Span, spans
from streams.enrichment.tagging.tagger import AddressTagger

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "bench" / "requirements-addresses.txt"
ENVIRONMENT = ROOT / "build" / "addresses"
PEERS = ("crf", "cpca", "jionlp")
SAMPLE = 1_200  # addresses that cpca and jionlp read: they take milliseconds each
LEVELS = ("prov", "city", "district")
RULES_TAGS = {
    "province": "prov",
    "city": "city",
    "district": "district",
    "town": "town",
    "village": "community",
    "road": "road",
    "number": "roadno",
    "building": "houseno",
    "unit": "cellno",
    "floor": "floorno",
    "room": "roomno",
}
"""Levels of the rules, as the labelled sets call them."""


def ours(train: Sequence[LabelledAddress], texts: Sequence[str], artefact: Path | None) -> tuple[AddressTagger, float]:
    """The tagger, and the seconds it took to learn."""
    if artefact:
        return AddressTagger.of(artefact.read_bytes()), 0.0
    from streams.enrichment.tagging.training import train as learn

    began = time.process_time()
    content = learn(train, texts, progress=lambda text: print(text, file=sys.stderr))
    return AddressTagger.of(content), time.process_time() - began


def by_rules(row: LabelledAddress, known: Divisions) -> list[Span]:
    """What the rules find in an address of normalised spelling; the longest stretch they leave is taken for a poi."""
    found: list[Span] = []
    start = 0
    for part in parse(row.text, known).parts:
        place = row.text.find(part.text, start)
        span = (
            _span(row.tokens, place, place + len(part.text), RULES_TAGS.get(part.level, part.level))
            if place >= 0
            else None
        )
        if span:
            found.append(span)
            start = place + len(part.text)
    return [*found, *_rest(row, found)]


def scored_rules(rows: Sequence[LabelledAddress]) -> dict[str, Any]:
    """Figures of the rules, on the normalised spelling that they are written for."""
    known = divisions()
    spelled = [normalised(row) or row for row in rows]
    by_rules(spelled[0], known)
    began = time.process_time()
    found = [by_rules(row, known) for row in spelled]
    us = (time.process_time() - began) / len(rows) * 1e6
    return {**_figures(spelled, found), "us_per_address": us, "recovered": recovered(spelled, _names(spelled, found))}


def recovered(rows: Sequence[LabelledAddress], found: Sequence[Sequence[str]]) -> float:
    """Share of stated provinces, cities and districts that a tool names too, in full or shortened."""
    right = stated = 0
    for row, names in zip(rows, found, strict=True):
        for level, name in zip(LEVELS, names, strict=True):
            written = _text(row.tokens, spans(row.labels), level)
            stated += bool(written)
            right += bool(written and name and (shortened(written) in name or shortened(name) in written))
    return right / stated


def ask(peer: str, python: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Run a public tool in its environment. Raises `subprocess.CalledProcessError`."""
    done = subprocess.run(
        [str(python), "-W", "ignore", str(ROOT / "bench" / "address_peers.py"), peer],
        input=json.dumps(task, ensure_ascii=False),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(
    train: Sequence[LabelledAddress], dev: Sequence[LabelledAddress], texts: Sequence[str], artefact: Path | None
) -> dict[str, Any]:
    """Everybody's figures."""
    sample = dev[:: max(1, len(dev) // SAMPLE)]
    tagger, seconds = ours(train, texts, artefact)
    read = tagger.tag([row.tokens for row in sample])
    table: dict[str, Any] = {
        "tagger": {
            **score(tagger, dev),
            "training_seconds": seconds,
            "recovered": recovered(sample, _names(sample, read)),
        }
    }
    table["rules"] = scored_rules(dev)
    unavailable: dict[str, str] = {}
    runs: dict[str, Callable[[Path], dict[str, Any]]] = {
        "crf": lambda python: _crf(python, train, dev),
        "cpca": lambda python: _divisions("cpca", python, sample),
        "jionlp": lambda python: _divisions("jionlp", python, sample),
    }
    for peer, run in runs.items():
        try:
            table[peer] = run(python_of(ENVIRONMENT, REQUIREMENTS))
        except (subprocess.CalledProcessError, OSError) as error:
            unavailable[peer] = str(getattr(error, "stderr", None) or error)[-300:]
    return {"train": len(train), "dev": len(dev), "sample": len(sample), "figures": table, "unavailable": unavailable}


# ---- inside --------------------------------------------------------------------------------------------------------


def _crf(python: Path, train: Sequence[LabelledAddress], dev: Sequence[LabelledAddress]) -> dict[str, Any]:
    began = time.process_time()
    task = {"train": [_row(row) for row in train], "scored": [_row(row) for row in dev]}
    marking = (time.process_time() - began) / (len(train) + len(dev)) * 1e6
    answer = ask("crf", python, task)
    found = [spans(labels) for labels in answer["labels"]]
    return {
        **_figures(dev, found),
        "us_per_address": answer["us"] + marking,
        "training_seconds": answer["training_seconds"],
        "recovered": recovered(dev, _names(dev, found)),
    }


def _divisions(peer: str, python: Path, sample: Sequence[LabelledAddress]) -> dict[str, Any]:
    answer = ask(peer, python, {"scored": [{"tokens": row.tokens} for row in sample]})
    return {"recovered": recovered(sample, answer["divisions"]), "us_per_address": answer["us"]}


def _row(row: LabelledAddress) -> dict[str, Any]:
    return {"tokens": row.tokens, "labels": row.labels, "marks": lexicon.marks(row.tokens, lexicon.names())}


def _figures(rows: Sequence[LabelledAddress], found: Sequence[Sequence[Span]]) -> dict[str, Any]:
    result = figures([spans(row.labels) for row in rows], found)
    return {
        "n": result.n,
        "span_f1": round(result.span_f1, 4),
        "span_f1_by_group": {group: round(figure, 4) for group, figure in result.span_f1_by_group.items()},
        "all_right": round(result.all_right, 4),
    }


def _names(rows: Sequence[LabelledAddress], found: Sequence[Sequence[Span]]) -> list[list[str]]:
    return [[_text(row.tokens, of_row, level) for level in LEVELS] for row, of_row in zip(rows, found, strict=True)]


def _text(tokens: Sequence[str], found: Sequence[Span], tag: str) -> str:
    """The first span of a tag, as it is written; empty when there is none."""
    return next(("".join(tokens[span.start : span.end]) for span in found if span.tag == tag), "")


def _span(tokens: Sequence[str], first: int, last: int, tag: str) -> Span | None:
    """The tokens from character `first` up to `last`; `None` when a border lies inside a token."""
    borders = [0]
    for token in tokens:
        borders.append(borders[-1] + len(token))
    return Span(borders.index(first), borders.index(last), tag) if {first, last} <= set(borders) else None


def _rest(row: LabelledAddress, found: Sequence[Span]) -> list[Span]:
    """The longest stretch that no rule claims, as a poi."""
    borders = sorted([(0, 0), (len(row.tokens), len(row.tokens)), *((span.start, span.end) for span in found)])
    gaps = [(one[1], other[0]) for one, other in pairwise(borders) if one[1] < other[0]]
    return [Span(*max(gaps, key=lambda gap: gap[1] - gap[0]), "poi")] if gaps else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, required=True)
    parser.add_argument("--unlabelled", type=Path)
    parser.add_argument("--artefact", type=Path, help="a tagger that `avm parser train` made, instead of training one")
    parser.add_argument("--json", type=Path, help="write the object to this file too")
    arguments = parser.parse_args()
    rows = read_labelled(arguments.labelled)
    texts = read_texts(arguments.unlabelled) if arguments.unlabelled else []
    result = compare(of_splits(rows, ["train"]), of_splits(rows, ["dev"]), texts, arguments.artefact)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
