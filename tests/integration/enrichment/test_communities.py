"""The bar for resolving communities, on the real dictionaries of Beijing and Shanghai: seeded, sampled."""

import pytest

from infra.cli.evaluate.communities import Evaluation, at_threshold, scores
from infra.cli.evaluate.dictionary import read_dictionary
from producers.simulator.mistyping import Kind


@pytest.fixture(scope="module")
def evaluation(shared_data):
    files = (shared_data / f"{city}_communities.parquet" for city in ("beijing", "shanghai"))
    return Evaluation([one for file in files for one in read_dictionary(file)], seed=20261125)


@pytest.fixture(scope="module")
def mixed(evaluation):
    return evaluation.known(Kind.MIXED, 5_000)


def test_both_files_are_read_whole(evaluation):
    assert len(evaluation.communities) == 32_393


@pytest.mark.requirement("AD1")
def test_addresses_as_people_type_them_lead_to_their_community(mixed):
    found = scores(mixed)
    assert found.top1 >= 0.94
    assert found.top3 >= 0.98


@pytest.mark.requirement("AD1", "AD2")
def test_nine_in_ten_are_answered_rightly_and_unknown_names_seldom_taken_for_known_ones(evaluation, mixed):
    _, right, false_accept = at_threshold(mixed, evaluation.unknown(Kind.MIXED, 4_500))
    assert right >= 0.995
    assert false_accept <= 0.05


@pytest.mark.requirement("AD1")
def test_at_most_one_confident_answer_in_a_hundred_is_wrong(mixed):
    assert scores(mixed).right_when_accepted >= 0.99


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("kind", [Kind.COMPLETE, Kind.NO_DISTRICT, Kind.TRADITIONAL, Kind.FULL_WIDTH, Kind.ROAD])
def test_a_name_that_is_written_right_is_found_however_the_rest_is_written(kind, evaluation):
    assert scores(evaluation.known(kind, 500)).top1 >= 0.98


@pytest.mark.requirement("AD6")
def test_a_community_is_found_from_the_moment_it_is_put_until_it_is_removed(evaluation):
    gone = evaluation.take_out(evaluation.communities[:50])
    assert all(evaluation.index.get(one.community_id) is None for one in gone)
    evaluation.put_back(gone)
    assert all(evaluation.index.get(one.community_id).community == one for one in gone)
