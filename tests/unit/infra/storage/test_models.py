"""The model store keeps what it is given and notices what was changed."""

from pathlib import Path

import pytest

from infra.storage.models import ArtefactMismatchError, ModelStore

MANIFEST = {"name": "avm-apartment", "version": "20260701-abc"}


@pytest.fixture
def store(tmp_path):
    return ModelStore(str(tmp_path / "models"))


def test_an_artefact_comes_back_as_it_went_in(store):
    uri, sha256 = store.keep(b"artefact", MANIFEST)
    assert uri.startswith("file://")
    assert store.fetch(uri, sha256) == b"artefact"
    assert store.manifests() == [{**MANIFEST, "artefact_sha256": sha256}]


def test_keeping_it_twice_is_keeping_it_once(store):
    assert store.keep(b"artefact", MANIFEST) == store.keep(b"artefact", MANIFEST)
    assert len(store.manifests()) == 1


def test_another_artefact_of_the_same_version_is_refused(store):
    store.keep(b"artefact", MANIFEST)
    with pytest.raises(ArtefactMismatchError, match="sha256"):
        store.keep(b"another", MANIFEST)


def test_a_damaged_artefact_is_refused(store):
    uri, sha256 = store.keep(b"artefact", MANIFEST)
    Path(uri.removeprefix("file://")).write_bytes(b"artefacT")
    with pytest.raises(ArtefactMismatchError, match="changed or damaged"):
        store.fetch(uri, sha256)


def test_a_missing_artefact_is_an_os_error(store, tmp_path):
    with pytest.raises(OSError, match="missing"):
        store.fetch(f"file://{tmp_path}/missing.zip", "0" * 64)


def test_an_empty_store_lists_nothing(store):
    assert store.manifests() == []


def test_a_store_need_not_be_a_folder():
    store = ModelStore("memory://models")
    uri, sha256 = store.keep(b"artefact", MANIFEST)
    assert store.fetch(uri, sha256) == b"artefact"
