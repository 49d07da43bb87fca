import pytest

from schemas.codes import LimitingFactor, PropertyType, Reason, ServiceType, Status, Tradability
from schemas.domain import texts

CATALOGUES = [
    (Status, texts.STATUS_TEXTS),
    (Reason, texts.REASON_TEXTS),
    (LimitingFactor, texts.LIMITING_FACTOR_TEXTS),
    (PropertyType, texts.PROPERTY_TYPE_TEXTS),
    (Tradability, texts.TRADABILITY_TEXTS),
    (ServiceType, texts.SERVICE_TEXTS),
]


@pytest.mark.requirement("RP5")
@pytest.mark.parametrize(("codes", "catalogue"), CATALOGUES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_code_has_a_chinese_text(codes, catalogue):
    assert set(catalogue) == set(codes)
    assert all(any("一" <= character <= "鿿" for character in text) for text in catalogue.values())


@pytest.mark.requirement("RP5")
@pytest.mark.parametrize(("codes", "catalogue"), CATALOGUES, ids=lambda value: getattr(value, "__name__", ""))
def test_no_two_codes_of_a_list_read_the_same(codes, catalogue):
    assert len(set(catalogue.values())) == len(catalogue)


def test_a_reason_newer_than_this_release_still_reads_as_a_sentence():
    assert texts.reason_text("SOMETHING_NEW") == "需进一步处理"
    assert texts.reason_text("HIGH_VALUE") == texts.REASON_TEXTS[Reason.HIGH_VALUE]


def test_a_source_has_a_chinese_name_and_one_that_is_not_known_a_neutral_one():
    assert texts.source_text("property-registry") == "房产登记"
    assert texts.source_text("a-bank-s-own-register") == "其他数据来源"
    assert len(set(texts.SOURCE_TEXTS.values())) == len(texts.SOURCE_TEXTS)
