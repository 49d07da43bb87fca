"""Names that people confirmed: in force from the next address on, and withdrawn as quickly."""

from datetime import timedelta
from itertools import permutations

import pytest

from schemas.catalogue import ALIASES, COMMUNITIES, ENRICHED
from schemas.codes import AliasSource, Reason
from schemas.domain.aliases import alias_key
from schemas.events import CommunityAlias, Enriched
from streams.enrichment.stage import EnrichmentStage
from streams.runtime.stage import Change

_WRITTEN = "北京市朝阳区珠江嘉园3号楼501室"


@pytest.fixture
def alias(accepted):
    """`alias(name, community_id)`: the change that a confirmation makes."""

    def make(name="珠江嘉园", community_id="g1", city="北京市", later_s=0):
        event = CommunityAlias(
            alias_key=alias_key(city, name),
            alias=name,
            city=city,
            community_id=community_id,
            source=AliasSource.REVIEWER,
            confirmed_by="reviewer-0123456789ab",
            confirmed_at=accepted("x").accepted_at + timedelta(seconds=later_s),
        )
        return Change(topic=ALIASES, key=event.alias_key, event=event)

    return make


def withdrawn(change):
    return Change(topic=ALIASES, key=change.key, event=None)


@pytest.mark.requirement("AD1", "IN10")
def test_a_confirmed_name_is_known_from_the_next_address_on(answer_to, a_view, alias):
    view = a_view()
    before = answer_to(_WRITTEN, view)
    assert (before.address.community_id, before.concerns) == (None, (Reason.ADDR_UNKNOWN,))
    view.apply([alias()])
    after = answer_to(_WRITTEN, view)
    assert (after.address.community_id, after.concerns) == ("g1", ())
    assert after.address.candidates[0].matched_by == "alias"
    assert after.reference_version != before.reference_version


@pytest.mark.requirement("AD1")
def test_a_withdrawn_name_is_unknown_again(answer_to, a_view, alias):
    view = a_view()
    view.apply([alias(), alias(), withdrawn(alias())])
    assert answer_to(_WRITTEN, view).address.community_id is None
    view.apply([withdrawn(alias())])  # a second time changes nothing
    assert len(view.aliases) == 0


def test_a_later_confirmation_takes_the_place_of_an_earlier_one(answer_to, a_view, alias):
    view = a_view()
    view.apply([alias(community_id="x1"), alias(community_id="g1", later_s=60)])
    assert answer_to(_WRITTEN, view).address.community_id == "g1"


@pytest.mark.requirement("AD1")
def test_an_alias_waits_for_its_community_and_outlives_a_new_version_of_it(answer_to, a_view, a_community, alias):
    view = a_view()
    view.apply([alias("云端小筑", "new")])
    address = "北京市朝阳区云端小筑3号楼501室"
    assert answer_to(address, view).address.community_id is None
    for year in (2010, 2012):
        newcomer = a_community("new", "星河苑", built_year=year)
        view.apply([Change(topic=COMMUNITIES, key="new", event=newcomer)])
        assert answer_to(address, view).address.community_id == "new"


def test_an_alias_holds_in_its_own_city_alone(answer_to, a_view, alias):
    view = a_view()
    view.apply([alias(city="南京市")])
    assert answer_to(_WRITTEN, view).address.community_id is None


@pytest.mark.requirement("AD1")
def test_an_alias_that_is_the_name_of_another_community_is_refused_in_whatever_order_they_come(
    a_view, a_community, alias, answer_to
):
    changes = [
        alias("星河苑", "g1"),
        Change(topic=COMMUNITIES, key="new", event=a_community("new", "星河苑")),
        alias(),
    ]
    for order in permutations(changes):
        view = a_view()
        view.apply(order)
        assert answer_to("北京市朝阳区星河苑3号楼501室", view).address.community_id == "new"
        assert answer_to(_WRITTEN, view).address.community_id == "g1"
        (problem,) = view.problems
        assert "community new" in problem
        assert "星河苑" not in problem, "what people type does not belong on a health page"


def test_a_refused_alias_comes_into_force_when_its_namesake_goes(a_view, a_community, alias, answer_to):
    view = a_view()
    named = Change(topic=COMMUNITIES, key="new", event=a_community("new", "星河苑"))
    view.apply([named, alias("星河苑", "g1"), Change(topic=COMMUNITIES, key="new", event=None)])
    assert view.problems == ()
    assert answer_to("北京市朝阳区星河苑3号楼501室", view).address.community_id == "g1"


@pytest.mark.parametrize("name", ["小区", "花园", "3号", "12号楼"])
def test_a_word_that_is_no_name_is_refused(a_view, alias, name):
    view = a_view()
    view.apply([alias(name)])
    assert len(view.problems) == 1
    assert len(view.aliases) == 0


@pytest.mark.requirement("AD1")
def test_of_two_spellings_of_a_name_the_later_confirmation_counts_in_whatever_order_they_come(answer_to, a_view, alias):
    changes = [alias("三里屯小筑", "g1", later_s=60), alias("3里屯小筑", "x1"), alias()]
    for order in permutations(changes):
        view = a_view()
        view.apply(order)
        assert answer_to("北京市三里屯小筑3号楼501室", view).address.community_id == "g1"
        (problem,) = view.problems
        assert "community x1" in problem
        assert "屯" not in problem
        assert len(view.aliases) == 2


def test_confirmations_of_one_moment_are_told_apart_by_their_keys(a_view, alias):
    changes = [alias("三里屯小筑", "g1"), alias("3里屯小筑", "x1")]
    views = [a_view(), a_view()]
    views[0].apply(changes)
    views[1].apply(changes[::-1])
    assert views[0].problems == views[1].problems != ()


def test_the_earlier_spelling_comes_into_force_when_the_later_one_is_withdrawn(answer_to, a_view, alias):
    view, later = a_view(), alias("三里屯小筑", "g1", later_s=60)
    view.apply([later, alias("3里屯小筑", "x1"), withdrawn(later)])
    assert view.problems == ()
    assert answer_to("北京市三里屯小筑3号楼501室", view).address.community_id == "x1"


def test_two_spellings_that_mean_the_same_community_are_both_used(a_view, alias):
    view = a_view()
    view.apply([alias("三里屯小筑", "g1", later_s=60), alias("3里屯小筑", "g1")])
    assert view.problems == ()
    assert len(view.aliases) == 2


@pytest.mark.requirement("AD1")
def test_who_has_to_find_an_unknown_community_sees_what_is_nearest(answer_to):
    enriched = answer_to("北京市朝阳区珠江香榭3号楼501室")
    assert enriched.concerns == (Reason.ADDR_UNKNOWN,)
    assert "g1" in {candidate.community_id for candidate in enriched.address.candidates}
    assert len(enriched.address.candidates) <= 5


# ---- what a reply teaches -------------------------------------------------------------------------------------------


def outputs_of(view, accepted):
    (outcome,) = EnrichmentStage(view, lambda: accepted.accepted_at).handle([accepted])
    return outcome.outputs


@pytest.mark.requirement("AD1", "AD2")
def test_a_reply_of_the_banks_staff_teaches_the_name(a_view, accepted):
    asked = accepted(_WRITTEN, channel="CREDIT_MGMT", revision=2, chosen_community_id="g1")
    passed_on, learned = outputs_of(a_view(), asked)
    assert isinstance(passed_on.event, Enriched)
    assert passed_on.topic is ENRICHED
    assert (learned.topic, learned.lane) == (ALIASES, None)
    assert (learned.event.alias, learned.event.community_id) == ("珠江嘉园", "g1")
    assert (learned.event.source, learned.event.confirmed_by) == (AliasSource.STAFF_REPLY, "CREDIT_MGMT")
    assert learned.event.confirmed_at == asked.accepted_at


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("channel", ["NET_BANK", "WECHAT_OA", "WEBSITE"])
def test_the_click_of_a_customer_teaches_nothing(a_view, accepted, channel):
    outputs = outputs_of(a_view(), accepted(_WRITTEN, channel=channel, revision=2, chosen_community_id="g1"))
    assert [output.topic for output in outputs] == [ENRICHED]


@pytest.mark.parametrize(
    ("address", "chosen"),
    [("北京市阳光花园3号楼501", "y2"), ("北京市望京西园3号楼501", "w3")],
    ids=["namesake", "sibling"],
)
def test_a_reply_to_a_name_that_fits_several_teaches_nothing(a_view, accepted, address, chosen):
    asked = accepted(address, channel="CREDIT_MGMT", revision=2, chosen_community_id=chosen)
    assert [output.topic for output in outputs_of(a_view(), asked)] == [ENRICHED]


@pytest.mark.requirement("AD1", "SE1")
@pytest.mark.parametrize(
    "address",
    [
        "王小明北京市朝阳区珠江嘉园3号楼501",
        "北京市朝阳区珠江嘉园3号楼501（王小明、李小红）",
        "王女士 北京市朝阳区珠江嘉园3号楼501室",
    ],
)
def test_no_person_reaches_the_topic_with_a_name(a_view, accepted, address):
    asked = accepted(address, channel="CREDIT_MGMT", revision=2, chosen_community_id="g1")
    _, learned = outputs_of(a_view(), asked)
    assert learned.event.alias == "珠江嘉园"
