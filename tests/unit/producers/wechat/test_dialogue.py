import pytest

from producers.wechat.dialogue import (
    ASK_ADDRESS,
    RESTARTED,
    TOO_LONG,
    WELCOME,
    Cancel,
    Choice,
    Choose,
    Dispute,
    Query,
    Say,
    Talk,
    Value,
    ask_area,
    is_choice,
    step,
)

ADDRESS = "杭州市西湖区某某小区3幢2单元302室"
CHOOSING = Talk(
    valuation_id="v1",
    choices=(
        Choice(community_id="c1", name="望京花园", place="北京市朝阳区"),
        Choice(community_id="c2", name="望京花园东区", place="北京市朝阳区"),
    ),
)


@pytest.mark.parametrize(
    ("said", "area_m2"),
    [
        (f"{ADDRESS} 89.5平", "89.5"),
        (f"{ADDRESS}，89.50平方米", "89.50"),
        (f"{ADDRESS} 面积89", "89"),
        (f"{ADDRESS}，建筑面积：120㎡", "120"),
        (f"{ADDRESS} 89.5", "89.5"),
        (f"{ADDRESS} ８９．５平米", "89.5"),
        (f"120平，{ADDRESS}", "120"),
    ],
)
def test_address_and_area_in_one_message_ask_at_once(said, area_m2):
    assert step(Talk(), said) == (Talk(), Value(address=ADDRESS, area_m2=area_m2))


def test_a_room_number_at_the_end_is_no_area():
    assert step(Talk(), "杭州市西湖区某某小区3幢 302") == (
        Talk(address="杭州市西湖区某某小区3幢 302"),
        Say(text=ask_area("杭州市西湖区某某小区3幢 302")),
    )


def test_missing_parts_are_asked_for_one_by_one_in_either_order():
    talk, act = step(Talk(), ADDRESS)
    assert act == Say(text=ask_area(ADDRESS))
    assert step(talk, "89.5") == (Talk(), Value(address=ADDRESS, area_m2="89.5"))
    talk, act = step(Talk(), "89.5平")
    assert act == Say(text=ASK_ADDRESS)
    assert step(talk, ADDRESS) == (Talk(), Value(address=ADDRESS, area_m2="89.5"))


def test_words_in_place_of_the_area_ask_for_it_again():
    talk = Talk(address=ADDRESS)
    assert step(talk, "我不太清楚呢") == (talk, Say(text=ask_area(ADDRESS)))


@pytest.mark.requirement("IN4")
def test_a_corrected_address_takes_the_place_of_the_first_and_is_said_again():
    talk = Talk(address=ADDRESS)
    other = "望京花园4幢1单元"
    assert step(talk, f"不对，是{other}") == (Talk(address=other), Say(text=ask_area(other)))
    assert step(talk, f"{other} 89.5平") == (Talk(), Value(address=other, area_m2="89.5"))


def test_a_number_may_answer_a_question_of_long_ago():
    assert [is_choice(said) for said in ("2", "第二个", "选 ２", "89.5", "望京花园")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("said", "community_id"), [("1", "c1"), ("第2个", "c2"), ("选 ２", "c2"), ("二", "c2")])
def test_a_community_is_chosen_by_its_number(said, community_id):
    assert step(CHOOSING, said) == (Talk(), Choose(valuation_id="v1", community_id=community_id))


def test_a_number_that_was_not_offered_asks_again_and_another_address_begins_anew():
    talk, act = step(CHOOSING, "3")
    assert talk == CHOOSING
    assert act.text.startswith("没有序号 3")
    assert step(CHOOSING, f"{ADDRESS} 89.5平")[1] == Value(address=ADDRESS, area_m2="89.5")


@pytest.mark.parametrize(
    ("talk", "said", "act"),
    [
        (Talk(address=ADDRESS), "取消", Say(text=RESTARTED)),
        (Talk(), "取消。", Cancel()),
        (CHOOSING, "撤销", Cancel()),
        (Talk(), "查询", Query()),
        (Talk(), "复估", Dispute()),
        (Talk(), "复估：价格太低", Dispute()),
        (Talk(), "你好", Say(text=WELCOME)),
        (Talk(), "嗯", Say(text=WELCOME)),
        (Talk(), "长" * 201, Say(text=TOO_LONG)),
    ],
)
def test_words_of_command_are_understood(talk, said, act):
    assert step(talk, said)[1] == act
