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
quotas = [{ count = 5, per = "DAY", of = "TOKEN" }, { count = 9, per = "HOUR", of = "CHANNEL" }]
per_second = 10
burst = 20
aliases = ["OLD_PARTNER"]
"""


@pytest.mark.requirement("IN4")
def test_a_channel_of_a_file_is_a_channel_like_any_other_while_it_is_enlisted():
    with enlisted(read_channels(PARTNER)):
        partner = find("OLD_PARTNER")
        assert (partner.code, partner.profile, partner.quotas) == (
            "PARTNER",
            Profile.CUSTOMER,
            (
                Quota(count=5, per=Period.DAY, of=Counted.TOKEN),
                Quota(count=9, per=Period.HOUR, of=Counted.CHANNEL),
            ),
        )
        assert CHANNELS["PARTNER"] is partner
        assert len(CHANNELS) == 10
    assert find("PARTNER") is None
    assert "PARTNER" not in CHANNELS


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('profile = "CUSTOMER"', 'profile = "GUEST"', "PARTNER: profile: 'GUEST' is none of STAFF, CUSTOMER, "),
        ('"valuations:read"]', '"valuations:all"]', "PARTNER: scopes"),
        ("count = 5", "count = 0", "PARTNER: quotas: must be a number over 0"),
        ('of = "TOKEN"', 'of = "TOKEN", x = 1', "PARTNER: quotas: has count, per"),
        ("per_second = 10", "per_second = true", "PARTNER: per_second"),
        ("burst = 20", "", "PARTNER: burst is missing"),
        ("burst = 20", "burst = 20\nbrust = 20", "PARTNER: unknown field brust"),
        ("[PARTNER]", "[FAX]", "FAX: fax, multimedia message and video are no channels"),
        ("[PARTNER]", "[PARTNER", "not valid TOML"),
        ('name = "合作渠道"', "name = 5", "PARTNER: name: must be a text"),
        ('["OLD_PARTNER"]', '"XY"', "PARTNER: aliases: must be a list"),
        ('["OLD_PARTNER"]', '["old partner"]', "PARTNER: aliases: 'old partner' must be A-Z"),
        ('["VALUATE"]', '"VALUATE"', "PARTNER: services: must be a list"),
        ('["ONLINE"]', "[5]", "PARTNER: lanes: 5 is none of ONLINE, BATCH"),
        ('["ONLINE"]', "[]", "PARTNER: lanes: must not be empty"),
        ("[PARTNER]", "[partner]", "partner: code: 'partner' must be A-Z"),
        ("[PARTNER]", '["A|B"]', r"A\|B: code: 'A\|B' must be A-Z"),
        ("[PARTNER]", f"[{'P' * 33}]", "code: .* at most 32"),
        ("per_second = 10", "per_second = inf", "PARTNER: per_second: must be a number over 0"),
        ("burst = 20", "burst = 20\nmay_force_manual = true", "PARTNER: may_force_manual: only a STAFF channel may"),
        ('"valuations:read"]', '"timeline:read"]', "PARTNER: scopes: a CUSTOMER channel cannot have timeline:read"),
        ("burst = 20", "burst = 20\nopen_jobs = 2", "PARTNER: open_jobs: only a channel with the lane BATCH"),
        ('"SYNCHRONOUS"', '"MANIFEST"', "PARTNER: reply: MANIFEST is for the lane BATCH"),
        (
            '{ count = 9, per = "HOUR", of = "CHANNEL" }',
            '{ count = 9, per = "DAY", of = "TOKEN" }',
            "two have the same",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_channel_and_field(written, instead, told):
    with pytest.raises(ChannelFileError, match=told):
        read_channels(PARTNER.replace(written, instead))


STAFF = PARTNER.replace('"CUSTOMER"', '"STAFF"')
PUBLIC = PARTNER.replace('"CUSTOMER"', '"PUBLIC"')


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (STAFF.replace('"valuations:read"]', '"batches:write"]'), "scopes: batches:write needs the lane BATCH"),
        (STAFF.replace('["ONLINE"]', '["ONLINE", "BATCH"]'), "lanes: BATCH needs the scope batches:write"),
        (STAFF.replace('"valuations:read"]', '"page-tokens:write"]'), "a STAFF channel cannot have page-tokens:write"),
        (PUBLIC.replace('"valuations:read"]', '"reports:read"]'), "a PUBLIC channel cannot have reports:read"),
        (f"{STAFF}may_force_manual = true\nhas_manual_lane = false\n", "nobody to force it to"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_way_to_mend_it(text, told):
    with pytest.raises(ChannelFileError, match=f"PARTNER: .*{told}.*take"):
        read_channels(text)


def test_what_goes_together_is_read():
    batch = STAFF.replace('["ONLINE"]', '["ONLINE", "BATCH"]').replace('"valuations:read"]', '"batches:write"]')
    (partner,) = read_channels(f"{batch}may_force_manual = true\nopen_jobs = 2\n")
    assert (partner.may_be_batch, partner.may_force_manual, partner.open_jobs) == (True, True, 2)


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
            assert channel.quotas
    assert {Scope.TIMELINE_READ, Scope.BATCHES_WRITE} <= staff.scopes


@pytest.mark.requirement("IN5")
def test_the_website_is_limited_by_visitor_and_as_a_whole():
    assert {quota.of for quota in CHANNELS["WEBSITE"].quotas} == set(Counted)
