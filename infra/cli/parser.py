"""`avm parser`: train, release and try the address tagger."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force
from infra.cli.releases import announce_releases, keep_release
from schemas.codes import ADDRESS_TAGGER, ModelRole
from schemas.domain.normalise import normalise
from schemas.errors import PermanentError

if TYPE_CHECKING:
    from streams.enrichment.tagging.labelled import LabelledAddress
    from streams.enrichment.tagging.tagger import AddressTagger

app = typer.Typer(help="Train, release and try the address tagger.", no_args_is_help=True)
_console = Console(stderr=True)

Labelled = Annotated[
    list[Path],
    typer.Option(help="Parquet or CSV with the columns split, tokens, labels; may be given several times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def train(
    labelled: Labelled,
    out: Annotated[Path, typer.Option(help="Folder for the artefact.")],
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="More addresses, without labels, in columns named address… or text…; several times."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Split to learn from; train when left out.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives another, about equally good tagger.")] = 17,
    as_json: AsJson = False,
) -> None:
    """Learn to cut addresses from labelled ones. Same files and seed, same bytes; nothing is released yet."""
    rows = labelled_rows(labelled, split or ["train"])
    content = trained(rows, unlabelled_texts(unlabelled or ()), seed=seed)
    manifest = usable(content)
    sha256 = hashlib.sha256(content).hexdigest()
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{ADDRESS_TAGGER}.zip"
    file.write_bytes(content)
    described = {**manifest, "artefact_sha256": sha256}
    (out / f"{ADDRESS_TAGGER}.manifest.json").write_text(
        json.dumps(described, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    _print(
        {
            "name": manifest["name"],
            "version": manifest["version"],
            "addresses": manifest["data"]["addresses"],
            "unlabelled": manifest["data"]["unlabelled"],
            "span_f1_checked": round(manifest["checked"]["span_f1"], 4),
            "file": str(file),
            "sha256": sha256,
        },
        as_json=as_json,
    )


@app.command()
def release(
    folder: Annotated[Path, typer.Argument(help="What `avm parser train --out` wrote.")],
    by: Annotated[str, typer.Option(help="Who releases; kept with the release.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Put the tagger in FOLDER into the model store and announce it; enrichment changes over between two batches."""
    file = folder / f"{ADDRESS_TAGGER}.zip"
    if not file.is_file():
        raise CommandError(f"there is no {file.name} in {folder}; make it with `avm parser train --out {folder}`")
    settings = settings_in_force()
    released = keep_release(file.read_bytes(), settings, ModelRole.CHAMPION, by=by, checked=usable)
    announce_releases([released], settings)
    _print(
        {"name": released.name, "version": released.version, "uri": released.uri, "sha256": released.sha256},
        as_json=as_json,
    )


@app.command()
def show(
    addresses: Annotated[list[str], typer.Argument(help="Addresses as a person would type them.")],
    artefact: Annotated[
        Path | None, typer.Option(help="The tagger's file; the released one in force when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the pieces of each address."""
    tagger = opened(artefact) if artefact else _in_force()
    texts = [normalise(address) for address in addresses]
    read = tagger.pieces(texts)
    if not as_json:
        print("\n".join(" ".join(f"{piece.text}/{piece.level}" for piece in pieces) for pieces in read))
        return
    rows = [
        {"address": text, "pieces": [{"level": piece.level, "text": piece.text} for piece in pieces]}
        for text, pieces in zip(texts, read, strict=True)
    ]
    print(json.dumps({"tagger": tagger.version, "addresses": rows}, ensure_ascii=False))


# ---- also used by `avm evaluate parsing` ------------------------------------------------------------------------


def labelled_rows(files: Sequence[Path], splits: Sequence[str]) -> list["LabelledAddress"]:
    """The rows of these splits in all files. Raises `CommandError`."""
    from streams.enrichment.labelled_file import UnusableLabelsError
    from streams.enrichment.tagging.labelled import of_splits, read_labelled

    try:
        return of_splits([row for file in files for row in read_labelled(file)], splits)
    except UnusableLabelsError as error:
        raise CommandError(str(error)) from error


def unlabelled_texts(files: Iterable[Path]) -> list[str]:
    """The different addresses in all files. Raises `CommandError`."""
    from streams.enrichment.labelled_file import UnusableLabelsError
    from streams.enrichment.tagging.labelled import read_texts

    try:
        return sorted({text for file in files for text in read_texts(file)})
    except UnusableLabelsError as error:
        raise CommandError(str(error)) from error


def trained(rows: Sequence["LabelledAddress"], unlabelled: Sequence[str], *, seed: int) -> bytes:
    """The artefact of a tagger that learned from these rows; how far it is goes to standard error."""
    try:
        from streams.enrichment.tagging.training import Recipe, TooFewAddressesError
        from streams.enrichment.tagging.training import train as train_tagger
    except ModuleNotFoundError as error:
        raise CommandError(f"training needs the package {error.name}: install house-valuation[train]") from error
    try:
        with _console.status(f"Learning from {len(rows):,} addresses …") as status:
            return train_tagger(
                rows,
                unlabelled,
                recipe=Recipe(seed=seed),
                progress=lambda text: status.update(f"Learning from {len(rows):,} addresses: {text} …"),
            )
    except TooFewAddressesError as error:
        raise CommandError(str(error)) from error


def opened(file: Path) -> "AddressTagger":
    """The tagger in a file. Raises `CommandError`."""
    from streams.enrichment.tagging.tagger import AddressTagger

    try:
        return AddressTagger.of(file.read_bytes())
    except (OSError, PermanentError) as error:
        raise CommandError(f"{file} is no usable tagger: {error}") from error


def usable(content: bytes) -> Mapping[str, Any]:
    """The manifest of a tagger that can be used. Raises `PermanentError`."""
    from streams.enrichment.tagging.artefact import unpack

    return unpack(content)[1]


# ---- inside -----------------------------------------------------------------------------------------------------


def _in_force() -> "AddressTagger":
    """The tagger that the running enrichment uses: the one announced last."""
    from confluent_kafka import KafkaException

    from infra.kafka.reader import Start, TopicReader
    from infra.storage.models import ModelStore
    from schemas.catalogue import MODELS_RELEASED
    from schemas.events import ModelReleased
    from streams.enrichment.tagging.tagger import AddressTagger

    settings = settings_in_force()
    decoder = codec(settings)
    values: list[bytes | None] = []
    try:
        with TopicReader(kafka_conf(settings), [MODELS_RELEASED.named()], start=Start.BEGINNING) as reader:
            values += [message.value() for message in reader.to_end() if message.key() == ADDRESS_TAGGER.encode()]
    except (KafkaException, LookupError) as error:
        raise CommandError(f"the released tagger cannot be looked up: {error}; name its file: --artefact") from error
    if not values or values[-1] is None:
        raise CommandError("no tagger is released; release one with `avm parser release`, or name its file: --artefact")
    release = decoder.decode(values[-1], ModelReleased)
    try:
        return AddressTagger.of(ModelStore(settings.models_url).fetch(release.uri, release.sha256))
    except (OSError, PermanentError) as error:
        raise CommandError(f"the tagger {release.version} cannot be used: {error}") from error


def _print(row: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row, ensure_ascii=False))
        return
    table = Table(*row)
    table.add_row(*(str(value) for value in row.values()))
    _console.print(table)
