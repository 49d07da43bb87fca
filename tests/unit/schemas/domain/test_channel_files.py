import pytest

from schemas.domain.channels import (
    CHANNELS,
    ChannelFileError,
    Counted,
    Period,
    Profile,
    Quota,
    Scope,
    enlist,
    enlisted,
    find,
    read_channels,
)

PARTNER = """
[PARTNER]
name = "合作渠道"
profile = "CUSTOMER"
services = ["VALUATE"]
reply = "SYNCHRONOUS"
lanes = ["ONLINE"]
scopes = ["valuations:write", "valuations:read"]
quota = { count = 5, per = "DAY", of = "TOKEN" }
per_second = 10
burst = 20
aliases = ["OLD_PARTNER"]
"""


@pytest.mark.requirement("IN4")
def test_a_channel_of_a_file_is_a_channel_like_any_other_while_it_is_enlisted():
    with enlisted(read_channels(PARTNER)):
        partner = find("OLD_PARTNER")
        assert (partner.code, partner.profile, partner.quota) == (
            "PARTNER",
            Profile.CUSTOMER,
            Quota(count=5, per=Period.DAY, of=Counted.TOKEN),
        )
        assert CHANNELS["PARTNER"] is partner
        assert len(CHANNELS) == 10
    assert find("PARTNER") is None
    assert "PARTNER" not in CHANNELS


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('profile = "CUSTOMER"', 'profile = "GUEST"', "PARTNER: profile"),
        ('"valuations:read"]', '"valuations:all"]', "PARTNER: scopes"),
        ("count = 5", "count = 0", "PARTNER: quota: must be a number over 0"),
        ('of = "TOKEN"', 'of = "TOKEN", x = 1', "PARTNER: quota: has count, per"),
        ("per_second = 10", "per_second = true", "PARTNER: per_second"),
        ("burst = 20", "", "PARTNER: burst is missing"),
        ("burst = 20", "burst = 20\nbrust = 20", "PARTNER: unknown field brust"),
        ("[PARTNER]", "[FAX]", "FAX: fax, multimedia message and video are no channels"),
        ("[PARTNER]", "[PARTNER", "not valid TOML"),
        ('name = "合作渠道"', "name = 5", "PARTNER: name: must be a text"),
    ],
)
def test_a_wrong_file_is_refused_with_channel_and_field(written, instead, told):
    with pytest.raises(ChannelFileError, match=told):
        read_channels(PARTNER.replace(written, instead))


def test_all_faults_of_a_file_are_told_at_once():
    with pytest.raises(ChannelFileError, match=r"profile.*lanes"):
        read_channels(PARTNER.replace('"CUSTOMER"', '"X"').replace('["ONLINE"]', '["FAST"]'))


def test_a_taken_code_or_alias_is_refused_and_nothing_changes():
    with pytest.raises(ChannelFileError, match="CREDIT_SYS is the code or an alias of another channel"):
        enlist(read_channels(PARTNER.replace("OLD_PARTNER", "CREDIT_SYS")))
    assert find("PARTNER") is None


@pytest.mark.requirement("IN4")
def test_open_channels_may_do_less_than_staff():
    staff, website = CHANNELS["CREDIT_MGMT"], CHANNELS["WEBSITE"]
    assert website.scopes == {Scope.VALUATIONS_WRITE, Scope.VALUATIONS_READ}
    for channel in CHANNELS.values():
        if channel.profile in {Profile.CUSTOMER, Profile.PUBLIC}:
            assert not channel.scopes & {Scope.TIMELINE_READ, Scope.BATCHES_WRITE}
            assert channel.quota is not None
    assert {Scope.TIMELINE_READ, Scope.BATCHES_WRITE} <= staff.scopes
