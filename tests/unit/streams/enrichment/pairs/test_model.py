import io
import json
import zipfile

import pytest

from infra.storage.packing import UnusableArtefactError
from streams.enrichment.pairs.labelled import Relation
from streams.enrichment.pairs.metrics import figures
from streams.enrichment.pairs.model import unpack
from streams.enrichment.pairs.training import Recipe, TooFewPairsError, train
from tests.fakes.hostile import LONE_SURROGATES, hostile_texts, random_texts

QUICK = Recipe(folds=3, forests=1, trees=40, rate=0.2)


@pytest.fixture(scope="module")
def model(trained):
    return unpack(trained.artefact)


def test_it_learns_what_a_person_would_see(model, made_up):
    unseen = made_up(60, seed=2)
    answers = model.compare_lists([(one.address, one.candidates) for one in unseen])
    found = figures(
        [relation for one in unseen for relation in one.relations],
        [answer.relation for of_list in answers for answer in of_list],
    )
    assert found.macro_f1 > 0.9


def test_the_probabilities_of_a_candidate_add_up_to_one(model):
    (answer,) = model.compare("银杏路1号翠湖花园3幢", ["银杏路1号翠湖花园3号楼"])
    assert answer.none + answer.partial + answer.exact == pytest.approx(1)


@pytest.mark.requirement("AD1")
def test_two_addresses_that_no_search_brought_together_are_compared_alone(model):
    same = model.compare_alone("杭州市西湖区银杏路7号翠湖花园3栋", "银杏路7号翠湖花园3幢")
    other = model.compare_alone("杭州市西湖区银杏路7号翠湖花园3栋", "海棠街9号星河小区")
    assert same.relation is Relation.EXACT
    assert other.relation is Relation.NONE
    assert same.exact > other.exact


def test_many_lists_at_once_are_judged_as_one_by_one(model, made_up):
    lists = [(one.address, one.candidates) for one in made_up(5, seed=3)]
    together = model.compare_lists([*lists, ("银杏路1号", ())])
    assert together == [*(model.compare(*one) for one in lists), ()]
    assert model.compare_lists([]) == []


def test_the_same_lists_give_the_same_bytes_and_others_do_not(trained, made_up):
    assert train(made_up(150), stem="20260831", recipe=QUICK).artefact == trained.artefact
    assert train(made_up(150, seed=5), stem="20260831", recipe=QUICK).artefact != trained.artefact


def test_what_it_reaches_is_said_in_the_manifest(trained, model):
    assert model.version.startswith("20260831-")
    assert model.manifest["cross_validated"]["listed"]["macro_f1"] == pytest.approx(trained.listed.macro_f1, abs=1e-4)
    assert model.manifest["data"]["lists"] == 150


def test_nothing_written_makes_it_raise(model):
    texts = [*hostile_texts(7, 120), *random_texts(7, 60), *LONE_SURROGATES]
    answers = model.compare("银杏路1号翠湖花园3幢", texts)
    assert len(answers) == len(texts)
    assert len(model.compare_lists([(text, ["银杏路1号"]) for text in texts])) == len(texts)


def test_too_little_to_learn_from_is_refused(made_up):
    with pytest.raises(TooFewPairsError, match="there are 5 addresses"):
        train(made_up(5), stem="20260831", recipe=QUICK)


def test_a_relation_that_nobody_stated_cannot_be_learned(made_up):
    only_exact = [one for one in made_up(400) if set(one.relations) <= {Relation.EXACT, Relation.PARTIAL}]
    with pytest.raises(TooFewPairsError, match="no pair is labelled none"):
        train(only_exact, stem="20260831", recipe=QUICK)


def test_a_damaged_artefact_is_named(trained):
    with pytest.raises(UnusableArtefactError, match="train it again"):
        unpack(trained.artefact[:1000])


def test_an_artefact_of_another_release_is_refused(trained):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(trained.artefact)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json":
                content = json.dumps({**json.loads(content), "feature_set_version": "pairs-else"}).encode()
            new.writestr(name, content)
    with pytest.raises(UnusableArtefactError, match="feature set pairs-else"):
        unpack(buffer.getvalue())


@pytest.fixture(scope="module")
def tagger_artefact():
    """A tagger that has hardly learned anything: it only has to travel."""
    pytest.importorskip("jax", reason="training a tagger needs the extra `train`")
    from streams.enrichment.tagging.labelled import LabelledAddress
    from streams.enrichment.tagging.training import Recipe as TaggerRecipe
    from streams.enrichment.tagging.training import train as train_tagger

    addresses = [
        LabelledAddress(
            split="train",
            tokens=(*"银杏路", str(number), "号"),
            labels=("B-road", "I-road", "I-road", "B-roadno", "I-roadno"),
        )
        for number in range(60)
    ]
    recipe = TaggerRecipe(width=8, pretraining_epochs=1, teacher_epochs=1, student_epochs=1, students=1)
    return train_tagger(addresses, stem="20260831", recipe=recipe)


def test_the_tagger_it_learned_with_travels_in_its_artefact(tagger_artefact, made_up):
    trained = train(made_up(60), stem="20260831", tagger_artefact=tagger_artefact, recipe=QUICK)
    model = unpack(trained.artefact)
    assert model.tagger is not None
    assert model.tagger_artefact == tagger_artefact
    assert model.manifest["tagger_sha256"] is not None
    assert len(model.compare("银杏路1号翠湖花园3幢", ["银杏路1号翠湖花园3号楼", ""])) == 2
