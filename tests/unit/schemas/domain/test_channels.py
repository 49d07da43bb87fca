import pytest

from schemas.codes import ServiceType
from schemas.domain.channels import CHANNELS, Profile, UnknownChannelCodeError, channel, find


@pytest.mark.requirement("IN1")
def test_the_registry_holds_one_internal_and_six_external_channels_and_the_two_of_the_house():
    assert set(CHANNELS) == {
        "CREDIT_MGMT",
        "NET_BANK",
        "MOBILE_BANK",
        "DIRECT_BANK",
        "APP",
        "WEBSITE",
        "WECHAT_OA",
        "BATCH_FILE",
        "PROBE",
    }


@pytest.mark.requirement("IN1")
def test_an_older_name_of_a_channel_means_the_same_channel():
    assert channel("CREDIT_SYS") is CHANNELS["CREDIT_MGMT"]


@pytest.mark.requirement("IN1")
@pytest.mark.parametrize("code", ["", "FAX", "MMS", "VIDEO", "credit_mgmt", "CREDIT_MGMT ", "\x00"])
def test_what_is_not_registered_is_no_channel(code):
    assert find(code) is None
    with pytest.raises(UnknownChannelCodeError, match="registered are APP, BATCH_FILE"):
        channel(code)


def test_no_code_or_alias_is_used_twice():
    names = [name for row in CHANNELS.values() for name in (row.code, *row.aliases)]
    assert len(names) == len(set(names))


def test_the_public_page_only_values_and_has_no_manual_lane():
    website = CHANNELS["WEBSITE"]
    assert website.profile is Profile.PUBLIC
    assert website.services == {ServiceType.VALUATE}
    assert not website.has_manual_lane


def test_only_staff_may_force_a_manual_valuation_or_send_a_batch():
    for row in CHANNELS.values():
        if row.may_force_manual or row.may_be_batch:
            assert row.profile is Profile.STAFF
