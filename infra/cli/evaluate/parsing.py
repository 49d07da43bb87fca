"""`avm evaluate parsing`: how well addresses are cut into their pieces, on labelled ones."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.parser import labelled_rows, opened, trained, unlabelled_texts

if TYPE_CHECKING:
    from streams.enrichment.tagging.labelled import LabelledAddress
    from streams.enrichment.tagging.tagger import AddressTagger

_UNLABELLED_BESIDE: Final = ("address_pairs_labelled.parquet",)
_console = Console(stderr=True)


def evaluate_parsing(
    labelled: Annotated[Path, typer.Option(help="Parquet or CSV with the columns split, tokens and labels.")],
    split: Annotated[str, typer.Option(help="The rows that are scored.")] = "dev",
    artefact: Annotated[
        Path | None, typer.Option(help="Score this tagger instead of training one on the file's other splits.")
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="More addresses, without labels, for the training, several times; without it, "
            "address_pairs_labelled.parquet beside --labelled, where there is one."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 17,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Cut the addresses of one split and say how often that was right. No address is printed.

    A span is right when both borders and the tag are; an address when all its spans are and no other was found. The
    addresses are cut one by one for `us_per_address`, features included, in processor time (all threads).
    """
    rows = labelled_rows([labelled], [split])
    tagger = opened(artefact) if artefact else _trained_on_the_others(labelled, split, unlabelled, seed=seed)
    result = {**score(tagger, rows), "tagger": tagger.version, "trained_here": artefact is None}
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _show(result)


def score(tagger: "AddressTagger", rows: Sequence["LabelledAddress"]) -> dict[str, Any]:
    """The figures of a tagger on labelled addresses."""
    from streams.enrichment.tagging.metrics import figures
    from streams.enrichment.tagging.spans import spans

    addresses = [row.tokens for row in rows]
    tagger.tag(addresses[:1])  # the list of divisions is read by the first use
    began = time.process_time()
    read = [tagger.tag([tokens])[0] for tokens in addresses]
    singly = time.process_time() - began
    began = time.process_time()
    tagger.tag(addresses)
    together = time.process_time() - began
    found = figures([spans(row.labels) for row in rows], read)
    return {
        "n": found.n,
        "span_f1": round(found.span_f1, 4),
        "span_f1_by_group": {group: round(figure, 4) for group, figure in found.span_f1_by_group.items()},
        "all_right": round(found.all_right, 4),
        "us_per_address": round(singly / found.n * 1e6, 1),
        "us_per_address_together": round(together / found.n * 1e6, 1),
    }


def _trained_on_the_others(file: Path, split: str, unlabelled: Sequence[Path] | None, *, seed: int) -> "AddressTagger":
    from streams.enrichment.labelled_file import UnusableLabelsError
    from streams.enrichment.tagging.labelled import read_labelled
    from streams.enrichment.tagging.tagger import AddressTagger

    try:
        rows = [row for row in read_labelled(file) if row.split != split]
    except UnusableLabelsError as error:
        raise CommandError(str(error)) from error
    if not rows:
        raise CommandError(
            f"{file} has no rows but those of split {split}, so there is nothing to learn from: "
            "name a trained tagger with --artefact (make one with `avm parser train --labelled OTHER --out DIR`)"
        )
    beside = [path for name in _UNLABELLED_BESIDE if (path := file.parent / name).is_file()]
    texts = unlabelled_texts(beside if unlabelled is None else unlabelled)
    _console.print(
        f"No --artefact: learning from the {len(rows):,} rows of the other splits first, and reading {len(texts):,} "
        "addresses without labels. `avm parser train` keeps a tagger."
    )
    return AddressTagger.of(trained(rows, texts, seed=seed))


def _show(result: dict[str, Any]) -> None:
    table = Table("", *result["span_f1_by_group"], "all", "whole address right")
    by_group = (f"{figure:.3f}" for figure in result["span_f1_by_group"].values())
    table.add_row("span F1", *by_group, f"{result['span_f1']:.3f}", f"{result['all_right']:.1%}")
    console = Console()
    console.print(table)
    console.print(
        f"{result['n']:,} addresses, {result['us_per_address']:,.0f} µs an address one by one, "
        f"{result['us_per_address_together']:,.0f} µs in batches of 64."
    )
