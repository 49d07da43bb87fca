"""What the demonstration asks of known deals, and what it says of the addresses afterwards."""

from dataclasses import replace
from datetime import date

import pytest

from infra.cli.demo.figures import addresses
from infra.cli.demo.questions import about_deals, as_typed, in_full
from schemas.codes import Status
from schemas.domain.normalise import normalise
from schemas.events import Community, Deal
from tests.fakes.answers import a_full_answer, a_request

NAMES = ("云汀花园", "锦澜苑", "和景里小区", "枫岭家园", "碧涛公寓", "松月新村", "临川公馆", "听雨轩")


def community(number: int, name: str) -> Community:
    return Community(
        community_id=f"c{number}",
        name=name,
        province="北京市",
        city="北京市",
        district=("朝阳区", "海淀区")[number % 2],
    )


COMMUNITIES = tuple(community(number, name) for number, name in enumerate(NAMES))
DEALS = tuple(
    Deal(
        deal_id=f"d{number}",
        community_id=one.community_id,
        community_name=one.name,
        city=one.city,
        district=one.district,
        deal_date=date(2016, 8, 15),
        area_m2=80.0 + number,
        unit_price=60_000.0,
    )
    for number, one in enumerate(COMMUNITIES * 5)
)


def test_a_deal_is_asked_about_by_city_district_and_community_with_the_truth_kept_aside():
    question = about_deals(DEALS[:1])[0]
    assert question.address == "北京市朝阳区云汀花园"
    assert (question.community_id, question.deal_unit_price) == ("c0", 60_000.0)


def test_typed_addresses_differ_from_full_ones_keep_their_truth_and_are_the_same_at_every_run():
    typed = about_deals(DEALS, as_typed(COMMUNITIES, seed=1))
    again = about_deals(DEALS, as_typed(COMMUNITIES, seed=1))
    assert typed == again
    full = {normalise(in_full(deal)) for deal in DEALS}
    assert sum(normalise(question.address) not in full for question in typed) > len(typed) / 2
    truth = {float(question.area_m2): question.community_id for question in typed}
    assert truth == {deal.area_m2: deal.community_id for deal in DEALS}


def test_a_deal_without_a_community_name_cannot_be_asked_about():
    assert about_deals((replace(DEALS[0], community_name=None),)) == ()


@pytest.mark.requirement("AD1")
def test_addresses_are_counted_as_resolved_wrong_or_asked_back():
    questions = about_deals(DEALS[:4])

    def led_to(community_id: str | None, status: Status = Status.COMPLETED_AUTO):
        result = a_full_answer(a_request())
        return replace(result, status=status, address=replace(result.address, community_id=community_id))

    pairs = (
        (questions[0], led_to("c0")),
        (questions[1], led_to("c7")),
        (questions[2], led_to(None, Status.NEEDS_CLARIFICATION)),
        (questions[3], replace(led_to(None), address=None)),
    )
    assert addresses(pairs) == {
        "resolved_share": 0.5,
        "wrong_confident_share": 0.25,
        "asked_back_share": 0.25,
    }
    assert addresses(()) == {}
