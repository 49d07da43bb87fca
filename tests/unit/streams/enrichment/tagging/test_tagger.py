import hashlib
import io
import json
import zipfile
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.storage.packing import UnusableArtefactError
from schemas.domain.normalise import normalise
from streams.enrichment.tagging import training
from streams.enrichment.tagging.artefact import pack, unpack
from streams.enrichment.tagging.batches import example, padded
from streams.enrichment.tagging.features import Vocabulary
from streams.enrichment.tagging.metrics import figures
from streams.enrichment.tagging.network import Network
from streams.enrichment.tagging.spans import spans
from streams.enrichment.tagging.tagger import AddressTagger
from streams.enrichment.tagging.trainable import initial, scores
from streams.enrichment.tagging.training import TooFewAddressesError, train
from tests.unit.streams.enrichment.tagging.conftest import SMALL, made_up

HOSTILE = [
    "",
    "\x00",
    "🏠" * 300,
    "'; drop table x; --",
    "\u202e" * 9,
    "a" * 5_000,
    "1" * 9_999,
    "١٢٣號",
    "一" * 256,
    "-",
]


@pytest.fixture(scope="module")
def tagger(artefact):
    return AddressTagger.of(artefact)


def changed(artefact, member, content):
    with zipfile.ZipFile(io.BytesIO(artefact)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, kept in {**members, member: content}.items():
            archive.writestr(name, kept)
    return buffer.getvalue()


# ---- learning


@pytest.mark.requirement("AD1")
def test_it_reads_addresses_that_it_never_saw_far_better_than_the_commonest_tag_would(tagger):
    rows = made_up(100, seed=2)
    result = figures([spans(row.labels) for row in rows], tagger.tag([row.tokens for row in rows]))

    assert result.span_f1 > 0.9
    assert result.all_right > 0.6


def test_what_was_kept_from_the_first_student_is_measured_and_stands_in_the_manifest(artefact):
    _, manifest = unpack(artefact)

    assert manifest["checked"]["n"] == 300 // training.ASIDE
    assert manifest["checked"]["span_f1"] > 0.5
    assert manifest["data"] == {**manifest["data"], "addresses": 300, "unlabelled": 40, "splits": ["train"]}


def test_training_says_how_far_it_is(said, artefact):
    assert any(text.startswith("hidden symbols: epoch 1 of 1") for text in said)
    assert any(text.startswith("teacher: epoch 6 of 6") for text in said)
    assert any(text.startswith("student 2 of 2: epoch 6 of 6") for text in said)


def test_equal_rows_and_seed_give_equal_bytes_and_another_seed_others():
    rows = made_up(60, seed=5)
    quick = replace(SMALL, pretraining_epochs=1, teacher_epochs=1, student_epochs=1, students=1)
    texts = [row.text for row in made_up(10, seed=6)]

    digests = [
        hashlib.sha256(train(rows, texts, recipe=recipe)).hexdigest()
        for recipe in (quick, quick, replace(quick, seed=18))
    ]

    assert digests[0] == digests[1] != digests[2]


def test_too_few_addresses_are_refused_with_their_number():
    with pytest.raises(TooFewAddressesError, match="needs 50 labelled addresses to learn from; there are 3"):
        train(made_up(3, seed=1))


# ---- serving


def test_the_network_served_agrees_with_the_network_trained():
    rows = [row.tokens for row in made_up(12, seed=4)]
    vocabulary = Vocabulary.of(rows)
    parameters = initial(vocabulary.sizes, 7, width=16, seed=3)
    examples = [example(vocabulary, tokens) for tokens in rows]
    longest = max(map(len, rows))

    trained = np.asarray(scores(parameters, padded(examples, longest)))
    served = Network.of(parameters).scores(vocabulary.encode(rows))

    of_rows = np.split(served, np.cumsum([len(tokens) for tokens in rows])[:-1])
    for row, of_row in enumerate(of_rows):
        np.testing.assert_allclose(of_row, trained[row, : len(of_row)], atol=1e-5)


def test_a_batch_is_read_as_its_addresses_one_by_one(tagger):
    texts = [normalise(row.text) for row in made_up(150, seed=7)]

    assert tagger.pieces(texts) == [tagger.pieces([text])[0] for text in texts]


def test_pieces_lie_in_the_text_in_order_and_without_overlap(tagger):
    for text, pieces in zip(texts := [row.text for row in made_up(50, seed=8)], tagger.pieces(texts), strict=True):
        assert [text[piece.start : piece.end] for piece in pieces] == [piece.text for piece in pieces]
        assert all(one.end <= other.start for one, other in pairwise(pieces))
        assert all(piece.text and piece.level for piece in pieces)


@pytest.mark.requirement("AD1")
def test_a_plain_address_is_cut_where_a_person_would_cut_it(tagger):
    (pieces,) = tagger.pieces(["浙江省杭州市西湖区翠湖路13号锦苑花园5幢2单元501室"])

    assert [(piece.text, piece.level) for piece in pieces] == [
        ("浙江省", "prov"),
        ("杭州市", "city"),
        ("西湖区", "district"),
        ("翠湖路", "road"),
        ("13号", "roadno"),
        ("锦苑花园", "poi"),
        ("5幢", "houseno"),
        ("2单元", "cellno"),
        ("501室", "roomno"),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_too(tagger, text):
    (pieces,) = tagger.pieces([text])

    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_text_raises_and_each_has_its_own_answer(tagger, texts):
    assert len(tagger.pieces(texts)) == len(texts)


# ---- the artefact


def test_packing_what_was_unpacked_gives_the_same_bytes(artefact):
    learned, manifest = unpack(artefact)

    assert pack(learned, manifest) == artefact


def test_the_version_is_of_the_content(artefact, tagger):
    learned, manifest = unpack(artefact)
    other = pack(learned, {**manifest, "data": {}})

    assert tagger.version == manifest["version"]
    assert unpack(other)[1]["version"] != manifest["version"]


def test_nothing_in_the_artefact_could_run(artefact):
    with zipfile.ZipFile(io.BytesIO(artefact)) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "npy"}
        arrays = [archive.read(name) for name in archive.namelist() if name.endswith(".npy")]
    assert all(np.load(io.BytesIO(content), allow_pickle=False).dtype == np.float16 for content in arrays)


@pytest.mark.parametrize("member", ["labels.json", "vocabulary.json", "parameters/output.npy", "more.json"])
def test_a_changed_or_added_member_is_noticed_and_named(artefact, member):
    with pytest.raises(UnusableArtefactError, match=f"{member}.*are not what was packed"):
        unpack(changed(artefact, member, b"[]"))


@pytest.mark.parametrize("what", ["name", "format", "feature_set_version"])
def test_an_artefact_of_another_kind_or_release_is_refused(artefact, what):
    _, manifest = unpack(artefact)
    other = json.dumps({**manifest, what: "other"}).encode()

    with pytest.raises(UnusableArtefactError, match=r"has .* other, this release needs"):
        unpack(changed(artefact, "manifest.json", other))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_artefact_is_refused(content):
    with pytest.raises(UnusableArtefactError, match="train it again"):
        unpack(content)
