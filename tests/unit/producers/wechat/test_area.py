import pytest

from producers.wechat.area import NOT_POSITIVE, ONLY_NET, OTHER_UNIT, TOO_FINE, AreaError, Parts, parts
from producers.wechat.dialogue import Say, Talk, step

HOUSE = "某某小区3幢"


@pytest.mark.requirement("IN2", "IN4")
@pytest.mark.parametrize(
    ("said", "area_m2", "rest"),
    [
        (f"{HOUSE} 89.55平", "89.55", HOUSE),
        (f"{HOUSE},89.5平", "89.5", HOUSE),
        (f"{HOUSE} 1,200平", "1200", HOUSE),
        (f"建筑面积89.5，套内面积70平，{HOUSE}", "89.5", HOUSE),
        (f"{HOUSE}，套内70平，建筑面积 89.5平方米", "89.5", f"{HOUSE}，套内70平"),
        (f"{HOUSE} 2单元302 面积89", "89", f"{HOUSE} 2单元302"),
        ("89.5", "89.5", ""),
        ("1,200.5", "1200.5", ""),
        ("望京3-89号楼", "", "望京3-89号楼"),
        (f"{HOUSE}302", "", f"{HOUSE}302"),
    ],
)
def test_the_area_is_read_whole_or_not_at_all(said, area_m2, rest):
    assert parts(said) == Parts(area_m2=area_m2, rest=rest)


@pytest.mark.requirement("IN2", "IN4")
@pytest.mark.parametrize(
    ("said", "says"),
    [
        (f"{HOUSE} 89.555平", TOO_FINE),
        ("89.555", TOO_FINE),
        (f"{HOUSE} 89.5坪", OTHER_UNIT),
        (f"{HOUSE} 2亩", OTHER_UNIT),
        (f"{HOUSE} 900平方英尺", OTHER_UNIT),
        (f"{HOUSE} 套内面积70平", ONLY_NET),
        (f"{HOUSE} -89.5平", NOT_POSITIVE),
        (f"{HOUSE} 0平", NOT_POSITIVE),
        ("2", "“2”是建筑面积吗"),
    ],
)
def test_what_is_no_floor_area_is_said_and_what_was_known_stays(said, says):
    with pytest.raises(AreaError, match=says):
        parts(said)
    talk = Talk(address=HOUSE)
    known, act = step(talk, said)
    assert known == talk
    assert isinstance(act, Say)
    assert says in act.text
