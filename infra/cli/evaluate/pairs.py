"""`avm evaluate pairs`: how well two written addresses are told to mean the same unit, on labelled pairs."""

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.storage.packing import UnusableArtefactError

if TYPE_CHECKING:
    from streams.enrichment.pairs.labelled import LabelledList
    from streams.enrichment.pairs.model import PairModel

_PARTS: Final = 5  # one in five addresses is kept aside where no test file is given
_LABELLED_BESIDE: Final = ("address_parsing_labelled.parquet", "address_parsing_labelled.csv")
_QUICK_TAGGER: Final[Mapping[str, Any]] = {
    "width": 96, "pretraining_epochs": 1, "teacher_epochs": 5, "student_epochs": 3, "students": 1,
}  # fmt: skip
"""A third of the time of a tagger that is released: pairs need the parts of an address, not their exact borders."""
_console = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What is learned from and what is scored. `left_out`: addresses that both files have."""

    learned_from: Sequence["LabelledList"]
    scored: Sequence["LabelledList"]
    left_out: int
    says: str


def evaluate_pairs(  # noqa: PLR0917 -- typer reads options from parameters
    train: Annotated[Path | None, typer.Option(help="Labelled pairs to learn from, CSV or Parquet.")] = None,
    test: Annotated[
        Path | None, typer.Option(help="Labelled pairs to score; without it, one address in five of --train.")
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(
            help="Labelled addresses that an address tagger learns from first; without it, "
            "address_parsing_labelled.parquet beside --train, and without that the rules cut the addresses."
        ),
    ] = None,
    tagger: Annotated[Path | None, typer.Option(help="Artefact of an address tagger, instead of --labelled.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Let the rules cut the addresses; learn no tagger.")] = False,
    artefact: Annotated[Path | None, typer.Option(help="Score this model of pairs instead of training one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to keep the trained model in.")] = None,
    unordered: Annotated[
        bool, typer.Option("--unordered", help="The candidates' order in the files means nothing; do not learn it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn from labelled pairs, judge others, and say how often that was right.

    An address and its candidates always stay together: the split is by address, and addresses of the test file that the
    training file has too are not learned from. The candidates of one address are judged together, in the files' order.
    """
    from streams.enrichment.labelled_file import UnusableLabelsError
    from streams.enrichment.pairs.model import unpack
    from streams.enrichment.pairs.training import TooFewPairsError

    if artefact is None and train is None:
        raise CommandError("give --train FILE to learn from, or --artefact FILE and --test FILE to score a model")
    if artefact is not None and test is None:
        raise CommandError("give --test FILE: an artefact does not say which pairs it has not seen")
    try:
        split = _split(train, test)
        began = time.process_time()
        if artefact:
            content = artefact.read_bytes()
        else:
            cut_by = b"" if rules else tagger.read_bytes() if tagger else _tagger(split, train, labelled)
            content = _trained(split, cut_by, in_order=not unordered)
        seconds = time.process_time() - began
        model = unpack(content)
    except (OSError, UnusableLabelsError, UnusableArtefactError, TooFewPairsError) as error:
        raise CommandError(str(error)) from error
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"pairs-{model.version}.zip").write_bytes(content)
    result = {
        **score(model, split.scored, in_order=not unordered),
        "split": split.says,
        "left_out_of_training": split.left_out,
        "model": model.version,
        "cut_by": model.tagger.version if model.tagger else "rules",
        "cross_validated": model.manifest["cross_validated"],
        "training_seconds": None if artefact else round(seconds),
    }
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _show(result)


def score(model: "PairModel", lists: Sequence["LabelledList"], *, in_order: bool = True) -> dict[str, Any]:
    """The figures of a model on labelled lists."""
    from streams.enrichment.pairs.metrics import confusion, figures

    began = time.thread_time()
    answers = model.compare_lists([(one.address, one.candidates) for one in lists], in_order=in_order)
    us = (time.thread_time() - began) * 1e6
    stated = [int(relation) for one in lists for relation in one.relations]
    decided = [int(answer.relation) for of_list in answers for answer in of_list]
    found = figures(stated, decided)
    return {
        "n": found.n,
        "accuracy": round(found.accuracy, 4),
        "macro_f1": round(found.macro_f1, 4),
        "f1": {relation.name.lower(): round(value, 4) for relation, value in found.f1.items()},
        "confusion": confusion(stated, decided).tolist(),
        "us_per_pair": round(us / found.n, 1),
    }


def is_kept_aside(address: str) -> bool:
    """Whether an address is scored where no test file is given: the same one in five on every machine."""
    return zlib.crc32(address.encode(errors="replace")) % _PARTS == 0


def _split(train: Path | None, test: Path | None) -> Split:
    from streams.enrichment.pairs.labelled import as_lists, read_pairs, without_addresses

    known = as_lists(read_pairs(train)) if train else []
    if test is None or (train is not None and test.resolve() == train.resolve()):
        return Split(
            learned_from=[one for one in known if not is_kept_aside(one.address)],
            scored=[one for one in known if is_kept_aside(one.address)],
            left_out=0,
            says="by address: one in five of the training file is scored, the others are learned from",
        )
    scored = as_lists(read_pairs(test))
    learned_from = without_addresses(known, (one.address for one in scored))
    return Split(
        learned_from=learned_from,
        scored=scored,
        left_out=len(known) - len(learned_from),
        says="by file; addresses of the test file are not learned from",
    )


def _trained(split: Split, tagger_artefact: bytes, *, in_order: bool) -> bytes:
    from infra.cli.connections import shanghai_today
    from streams.enrichment.pairs.training import Recipe
    from streams.enrichment.pairs.training import train as learn

    with _console.status("Training …") as status:
        return learn(
            split.learned_from,
            stem=shanghai_today().strftime("%Y%m%d"),
            tagger_artefact=tagger_artefact,
            recipe=Recipe(in_order=in_order),
            progress=lambda text: status.update(f"Training … {text}"),
        ).artefact


def _tagger(split: Split, train: Path | None, labelled: Path | None) -> bytes:
    """The artefact of a quickly trained tagger; empty (the rules then cut) where there is nothing it could learn from.

    Beside the labelled addresses it reads those of the pairs that are learned from, without their labels.
    """
    beside = [train.parent / name for name in _LABELLED_BESIDE] if train else []
    path = labelled or next((path for path in beside if path.is_file()), None)
    if path is None:
        return b""
    try:
        from streams.enrichment.tagging.training import Recipe
        from streams.enrichment.tagging.training import train as learn
    except ImportError as error:
        raise CommandError(
            "an address tagger needs jax and optax to learn: install the extra `train`, give --tagger FILE, or --rules"
        ) from error
    from streams.enrichment.labelled_file import UnusableLabelsError
    from streams.enrichment.tagging.labelled import read_labelled

    try:
        addresses = read_labelled(path)
    except UnusableLabelsError as error:
        raise CommandError(str(error)) from error
    unlabelled = sorted({text for one in split.learned_from for text in (one.address, *one.candidates)})
    with _console.status("Training an address tagger …") as status:
        return learn(
            addresses,
            unlabelled,
            recipe=Recipe(**_QUICK_TAGGER),
            progress=lambda text: status.update(f"Training an address tagger … {text}"),
        )


def _show(result: dict[str, Any]) -> None:
    table = Table("", "none", "partial", "exact")
    for stated, row in zip(("none", "partial", "exact"), result["confusion"], strict=True):
        table.add_row(f"stated {stated}", *(f"{count:,}" for count in row))
    table.add_row("F1", *(f"{value:.3f}" for value in result["f1"].values()))
    console = Console()
    console.print(table)
    console.print(
        f"{result['n']:,} pairs: accuracy {result['accuracy']:.3f}, macro-F1 {result['macro_f1']:.3f}; "
        f"{result['us_per_pair']:,.0f} µs a pair. Split {result['split']}"
        f"{' (' + str(result['left_out_of_training']) + ' were in both)' if result['left_out_of_training'] else ''}."
    )
