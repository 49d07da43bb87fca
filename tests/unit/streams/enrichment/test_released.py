"""A tagger comes and goes while the stage runs."""

from datetime import UTC, datetime

import pytest

from schemas.catalogue import MODELS_RELEASED
from schemas.codes import ADDRESS_SEGMENT, ADDRESS_TAGGER, ModelRole
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from schemas.errors import PermanentError
from schemas.events import ModelReleased
from streams.enrichment.pieces import Piece
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.released import ReleasedTagger
from streams.enrichment.stage import EnrichmentStage
from streams.enrichment.tagging.tagger import AddressTagger
from streams.runtime.stage import Change


class Tagger:
    """Knows one person and nothing else, and remembers what it was asked."""

    def __init__(self, version):
        self.version, self.asked = version, []

    def pieces(self, texts):
        self.asked.append(list(texts))
        return [tuple(_piece_of(text, name) for name in (_PERSON,) if name in text) for text in texts]


_PERSON = "张三丰"


def _piece_of(text, name):
    start = text.index(name)
    return Piece(level="person", text=name, start=start, end=start + len(name))


class Store:
    """Artefacts by their URI."""

    def __init__(self, **artefacts):
        self.artefacts = artefacts

    def fetch(self, uri, sha256):
        artefact = self.artefacts.get(uri)
        if artefact is None:
            raise OSError(f"nothing lies at {uri}")
        if sha256 != f"sha of {uri}":
            raise PermanentError("its digest differs")
        return artefact


def unpack(artefact):
    if not artefact.startswith(b"tagger "):
        raise ValueError("no tagger")
    return Tagger(artefact.decode())


def released(uri, **changes):
    event = ModelReleased(
        **{
            "name": ADDRESS_TAGGER,
            "version": uri,
            "segment": ADDRESS_SEGMENT,
            "role": ModelRole.CHAMPION,
            "uri": uri,
            "sha256": f"sha of {uri}",
            "feature_set_version": "1",
            "released_at": datetime(2026, 11, 25, tzinfo=UTC),
            "released_by": "operator",
        }
        | changes
    )
    return Change(topic=MODELS_RELEASED, key=event.name, event=event)


@pytest.fixture
def view():
    store = Store(one=b"tagger one", two=b"tagger two", broken=b"something else")
    return EnrichmentView(divisions(), ReleasedTagger(store, unpack))


@pytest.mark.requirement("AD1")
def test_the_newest_release_reads_addresses_until_it_is_withdrawn(view):
    assert view.tagger is None
    for uri in ("one", "two"):
        view.apply([released(uri)])
        assert view.tagger.version == f"tagger {uri}"
        assert f"tagger tagger {uri}" in view.version
    view.apply([Change(topic=MODELS_RELEASED, key=ADDRESS_TAGGER, event=None)])
    assert view.tagger is None


@pytest.mark.parametrize(
    "bad",
    [released("nowhere"), released("broken"), released("two", sha256="another")],
    ids=["away", "broken", "digest"],
)
def test_a_release_that_cannot_be_used_leaves_the_one_before_in_charge(view, bad):
    view.apply([released("one"), bad])
    assert view.tagger.version == "tagger one"
    (problem,) = view.problems
    assert "is not used" in problem
    view.apply([released("two")])
    assert (view.tagger.version, view.problems) == ("tagger two", ())


@pytest.mark.requirement("AD1")
def test_what_the_tagger_says_is_used_in_the_reading(view, accepted):
    asked = accepted(f"香港九龙弥敦道100号海晖大厦{_PERSON}收")
    stage = EnrichmentStage(view, lambda: datetime(2026, 11, 25, tzinfo=UTC))

    def said():
        (outcome,) = stage.handle([asked])
        return repr(outcome.outputs[0].event.address.parts) + outcome.outputs[0].event.address.normalised

    assert _PERSON in said()
    view.apply([released("one")])
    assert _PERSON not in said()


def test_bytes_that_are_no_artefact_at_all_are_refused_by_the_real_tagger():
    view = EnrichmentView(divisions(), ReleasedTagger(Store(broken=b"no zip"), AddressTagger.of))
    view.apply([released("broken")])
    assert view.tagger is None
    assert len(view.problems) == 1


@pytest.mark.parametrize(
    "other",
    [
        released("one", name="avm-apartment", segment="APARTMENT"),
        released("one", segment="APARTMENT"),
        released("one", role=ModelRole.CHALLENGER),
    ],
)
def test_other_models_and_challengers_are_left_alone(view, other):
    view.apply([other])
    assert (view.tagger, view.problems) == (None, ())


def test_a_batch_is_cut_in_one_call_and_in_its_order(view, accepted):
    view.apply([released("one")])
    addresses = ["北京市朝阳区望京西园３号楼", "北京市海淀区阳光花园"]
    stage = EnrichmentStage(view, lambda: datetime(2026, 11, 25, tzinfo=UTC))
    assert len(stage.handle([accepted(address) for address in addresses])) == 2
    assert view.tagger.asked == [[normalise(address) for address in addresses]]
