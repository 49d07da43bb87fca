import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.masking import is_identity_card_number, is_mobile_number, masked_address, masked_personal_data

# Made up: the divisions exist, the check digits are right, the people do not exist.
ID_CARD = "330106199003071231"


def with_check_digit(seventeen):
    return next(seventeen + last for last in "0123456789X" if is_identity_card_number(seventeen + last))


@pytest.mark.requirement("SE1")
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("文三路20号 13800138000", "文三路20号 ***"),
        ("文三路20号，电话：138-0013-8000。", "文三路20号，电话：***。"),
        ("文三路20号+86 138 0013 8000", "文三路20号***"),
        ("文三路２０号１３８００１３８０００", "文三路２０号***"),
        ("文三路20号 0571-88888888", "文三路20号 ***"),
        ("文三路20号 (010)66668888", "文三路20号 ***"),
        ("文三路20号 057188888888", "文三路20号 ***"),
        ("文三路20号 400-820-8820", "文三路20号 ***"),
        ("文三路20号 330106199003071231", "文三路20号 ***"),
        ("文三路20号 33010619900307123x", "文三路20号 ***"),
        ("文三路20号 330106 19900307 1231", "文三路20号 ***"),
        ("文三路20号 330106900307123", "文三路20号 ***"),
    ],
)
def test_identity_card_and_telephone_numbers_are_hidden(written, kept):
    assert masked_personal_data(written) == kept


@pytest.mark.requirement("SE1")
@pytest.mark.parametrize(
    "address",
    [
        "杭州市西湖区文三路1280号某某小区3幢2单元1501室",
        "上海市浦东新区张杨路2389弄12号1202室",
        "北京市朝阳区建国路88号院1号楼2-1003",
        "89.52平方米 2015年建",
        "310000",
    ],
)
def test_an_address_without_personal_numbers_stays_as_it_is(address):
    assert masked_personal_data(address) == address


@given(st.text(max_size=300))
def test_masking_never_raises_and_masking_twice_changes_nothing(text):
    once = masked_personal_data(text)
    assert masked_personal_data(once) == once
    masked_address(text)


@pytest.mark.requirement("SE1")
@given(
    st.text(alphabet="文三路号小区幢 ，", max_size=20),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.text(alphabet="室号 。", max_size=10),
)
def test_no_mobile_number_survives_among_chinese_text(before, number, after):
    assert number not in masked_personal_data(before + number + after)


@pytest.mark.requirement("SE1")
@pytest.mark.parametrize(
    ("address", "outward"),
    [
        ("某某小区3幢2单元501室", "某某小区3幢2单元***室"),
        ("某某小区3幢2单元501", "某某小区3幢2单元***"),
        ("某某小区3号楼1102室", "某某小区3号楼***室"),
        ("某某小区3号楼1102", "某某小区3号楼***"),
        ("某某小区3-2-501", "某某小区3-2-***"),
        ("某某小区3-2-501室", "某某小区3-2-***室"),
        ("张杨路2389弄12号1202室", "张杨路2389弄12号***室"),
        ("某某中心A座1508", "某某中心A座***"),
        ("某某小区３幢５０１室", "某某小区３幢***室"),
        ("某某小区三幢五〇一室", "某某小区三幢***室"),
        ("某某小区3幢501-2室", "某某小区3幢***室"),
    ],
)
def test_the_room_number_is_hidden_outside_the_desk(address, outward):
    assert masked_address(address) == outward


@pytest.mark.parametrize(
    "address", ["文三路20号", "东直门12号院", "鼓楼大街123号", "张杨路2389弄12号", "某某小区2期3幢2单元"]
)
def test_what_is_no_room_number_is_not_hidden(address):
    assert masked_address(address) == address


def test_the_check_digit_tells_an_identity_card_number():
    right = with_check_digit("33010619900307123")
    assert is_identity_card_number(right)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    assert not is_identity_card_number(wrong)
    assert is_mobile_number("13800138000")
    assert not is_mobile_number("12345678901")


FORBIDDEN = {
    "person", "customer", "owner", "applicant", "borrower", "surname", "phone", "mobile", "tel", "telephone", "email",
    "idcard", "passport", "identity", "gender", "birthday", "credit", "loan_amount", "income", "wechat", "openid",
}  # fmt: skip
FORBIDDEN_NAMES = {"id_card", "id_no", "id_number", "customer_name", "full_name", "loan_amount", "credit_score"}

OF_THE_HOUSE = {  # 收益法: what the house earns when it is let, not what its owner does
    "cn.housevaluation.IncomeApproach.avsc: net_income",
    "cn.housevaluation.Valuation.avsc: income",
    "cn.housevaluation.Valuation.avsc: income_value",
}


@pytest.mark.requirement("SE1", "RD11")
def test_no_schema_has_a_field_for_a_person():
    schemas = sorted(files("schemas").joinpath("avro").iterdir(), key=lambda file: file.name)
    assert schemas, "no schemas found: this test would pass for nothing"
    personal = {
        f"{file.name}: {field['name']}"
        for file in schemas
        if file.name.endswith(".avsc")
        for field in json.loads(file.read_text("utf-8")).get("fields", [])
        if field["name"] in FORBIDDEN_NAMES or set(field["name"].split("_")) & FORBIDDEN
    }
    assert personal == OF_THE_HOUSE
