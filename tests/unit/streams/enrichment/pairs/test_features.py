import math

import numpy as np
import pytest

from streams.enrichment.pairs.alignment import Pair
from streams.enrichment.pairs.features import feature_names, matrix, measure
from streams.enrichment.pairs.ground import common_ground, ground
from streams.enrichment.pairs.listed import list_features
from streams.enrichment.pairs.rarity import Rarity
from streams.enrichment.pairs.spelled import spell
from streams.enrichment.pairs.wording import wording


def measured(a, b):
    one, other = spell([a, b], None)
    return measure(Pair.of(one, other), Rarity.of([one, other]))


def test_every_pair_has_the_same_measures_in_the_same_order():
    for a, b in [("", ""), ("银杏路1号", ""), ("杭州市西湖区银杏路1号翠湖花园3幢501室", "翠湖花园(南门)")]:
        assert tuple(measured(a, b)) == feature_names()


def test_two_spellings_of_one_address_have_nothing_that_stands_alone():
    found = measured("银杏路1号翠湖花园3号楼", "银杏路一号翠湖花园3栋")
    assert found["alone_a"] == found["alone_b"] == 0
    assert found["ratio"] == 100


def test_another_building_is_a_number_that_stands_alone_in_the_unit():
    found = measured("银杏路1号翠湖花园3号楼", "银杏路1号翠湖花园5号楼")
    assert found["unit_alone_a"] == found["unit_alone_b"] == 2  # 3 and its 幢, 5 and its 幢
    assert found["unit_distance"] == 2
    assert found["road_alone_a"] == 0


def test_what_one_side_does_not_say_is_missing_and_not_zero():
    assert math.isnan(measured("翠湖花园", "银杏路1号")["road_ratio"])


def test_what_was_dictated_is_heard_though_it_is_not_read():
    found = measured("银杏路2号翠湖花园", "银杏路2号翠胡花园")
    assert found["only_heard_a"] == found["only_heard_b"] == 1
    assert found["alone_by_sound_a"] == 0
    assert measured("银杏路2号翠湖花园", "银杏路2号翠竹花园")["only_heard_a"] == 0


def test_a_gate_in_brackets_is_seen():
    assert measured("翠湖花园", "翠湖花园(南门)")["gate_only_b"] == 1
    assert measured("翠湖花园(南门)", "翠湖花园(南门)")["gate_only_b"] == 0


def test_a_rare_gram_says_more_than_a_common_one():
    rarity = Rarity.of(spell(["银杏路1号", "银杏路2号", "海棠街3号"], None))
    assert rarity.weight(("海",)) > rarity.weight(("银",)) > rarity.weight(("号",)) >= 0


def test_counties_tell_places_of_one_road_name_apart():
    hangzhou, shaoxing = ground("杭州市西湖区银杏路1号"), ground("绍兴市越城区银杏路1号")
    assert common_ground(hangzhou, hangzhou)["same_county"] == 1
    found = common_ground(hangzhou, shaoxing)
    assert (found["same_county"], found["same_city"], found["same_province"]) == (0, 0, 1)
    assert math.isnan(common_ground(hangzhou, ground("银杏路1号"))["same_city"])


def test_the_wording_names_what_differs_by_its_part():
    one, other, gate = spell(["银杏路1号翠湖花园3幢", "银杏路1号翠湖花园5幢", "银杏路1号翠湖花园(南门)"], None)
    assert "alone unit|unit" in wording(Pair.of(one, other))
    assert "alone |" in wording(Pair.of(one, one))
    assert not any(name.startswith("alone unit|unit") for name in wording(Pair.of(one, gate)))


@pytest.fixture
def features_of_a_list():
    def of(candidates, *, in_order=True):
        address, *others = spell(["银杏路1号翠湖花园3幢", *candidates], None)
        rarity = Rarity.of([address, *others])
        measures = matrix([measure(Pair.of(address, other), rarity) for other in others])
        said = np.tile([0.5, 0.3, 0.2], (len(others), 1))
        return list_features(measures, said, others, in_order=in_order)

    return of


def test_a_candidate_alone_has_nothing_to_be_compared_with(features_of_a_list):
    alone = features_of_a_list(["银杏路1号翠湖花园"])
    pair = features_of_a_list(["银杏路1号翠湖花园", "海棠街"])
    assert alone.shape[1] == pair.shape[1]
    assert np.isnan(alone).sum() > np.isnan(pair[0]).sum() == 0


def test_without_an_order_only_the_place_in_the_list_is_missing(features_of_a_list):
    candidates = ["银杏路1号翠湖花园", "海棠街"]
    ordered, unordered = features_of_a_list(candidates), features_of_a_list(candidates, in_order=False)
    assert ordered[:, -1].tolist() == [0, 1]
    assert np.isnan(unordered[:, -1]).all()
    np.testing.assert_array_equal(ordered[:, :-1], unordered[:, :-1])


def test_turning_an_unordered_list_round_turns_its_rows_round(features_of_a_list):
    candidates = ["银杏路1号翠湖花园", "海棠街2号", "银杏路翠湖花园3号楼"]
    there = features_of_a_list(candidates, in_order=False)
    back = features_of_a_list(candidates[::-1], in_order=False)
    np.testing.assert_allclose(there, back[::-1])
