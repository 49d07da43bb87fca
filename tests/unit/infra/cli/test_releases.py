"""What is put in charge is looked at again: its bytes, and the licences it learned under."""

import pytest

from infra.cli import CommandError
from infra.cli.model.preview import drawn
from infra.cli.releases import keep_release, verify
from infra.settings import Settings
from infra.storage.packing import as_json, manifest_of, packed
from schemas.codes import ModelRole
from schemas.errors import PermanentError
from tests.fakes import valuations

pytestmark = pytest.mark.requirement("GV5")

MANIFEST = {
    "name": "avm-apartment",
    "version": "20260701-1a2b3c4d",
    "segment": "APARTMENT",
    "feature_set_version": "fs-1",
    "data": {"sources": [{"source": "deals-2026"}, {"source": "registry"}]},
}


@pytest.fixture
def settings(tmp_path):
    return Settings(state=tmp_path)


@pytest.fixture
def release(settings):
    content = packed({"manifest.json": as_json(MANIFEST)})
    return keep_release(content, settings, ModelRole.CHALLENGER, by="E1001", checked=manifest_of)


def test_a_release_says_what_it_learned_from(release):
    assert release.sources == ("deals-2026", "registry")
    assert (release.name, release.share) == ("avm-apartment-challenger", 0.0)


def test_an_untouched_artefact_may_be_put_in_charge(release, settings):
    verify(release, settings, manifest_of)


def test_a_changed_artefact_may_not(release, settings, tmp_path):
    (artefact,) = tmp_path.rglob("artefact.zip")
    artefact.write_bytes(artefact.read_bytes() + b"x")
    with pytest.raises(CommandError, match=r"20260701-1a2b3c4d cannot be put in charge: .*sha256 [0-9a-f]{64}"):
        verify(release, settings, manifest_of)


def test_a_lost_artefact_may_not(release, settings, tmp_path):
    (artefact,) = tmp_path.rglob("artefact.zip")
    artefact.unlink()
    with pytest.raises(CommandError, match="cannot be put in charge"):
        verify(release, settings, manifest_of)


def test_a_model_whose_licence_ended_may_not(release, settings):
    def refused(_content):
        raise PermanentError("registry: licence HT-1 expired on 2026-06-30")

    with pytest.raises(CommandError, match="HT-1 expired"):
        verify(release, settings, refused)


def test_of_too_many_valuations_the_same_ones_are_drawn_whatever_their_order():
    events = [valuations.scored(f"r-{number}") for number in range(50)]
    some = {event.valuation_id for event in drawn(events, at_most=10)}
    assert len(some) == 10
    assert {event.valuation_id for event in drawn(events[::-1], at_most=10)} == some
    assert len(drawn(events, at_most=100)) == 50


def test_the_last_event_of_a_valuation_counts():
    first, last = valuations.scored("r-1", valuation=None), valuations.scored("r-1")
    assert drawn([first, last], at_most=10) == [last]
