import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from infra.cli import CommandError
from infra.cli.connections import enlist_channels
from infra.cli.gateway_access import access_of, tls_of
from infra.settings import GatewaySettings, Settings
from producers.gateway.access.access import CHECKING
from producers.gateway.access.caller import hashed
from producers.gateway.access.tokens import Audience
from schemas.domain.channels import CHANNELS

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def settings(tmp_path, **gateway):
    return Settings(state=tmp_path, gateway=GatewaySettings(**gateway))


def test_two_instances_of_one_state_folder_accept_each_others_tokens(tmp_path):
    one, other = (access_of(settings(tmp_path), None) for _ in range(2))
    token = one.tokens.issue({"sub": "a"}, audience=Audience.API, lives=timedelta(minutes=1), now=NOW)
    assert other.tokens.read(token, audience=Audience.API, now=NOW)["sub"] == "a"
    kept = tmp_path / "gateway" / "token-keys.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["token-keys.json"]


def test_a_signing_key_and_a_client_come_from_the_settings(tmp_path):
    access = access_of(
        settings(
            tmp_path,
            api_keys={hashed("plain"): "NET_BANK"},
            signed_keys={hashed("signing"): {"channel": "CREDIT_MGMT", "secret": "s", "scopes": ["valuations:read"]}},
            oauth_clients={"credit": {"channel": "CREDIT_MGMT", "secret_sha256": hashed("x")}},
        ),
        None,
    )
    assert access.credentials.keys.find("plain").secret is None
    assert access.credentials.keys.find("signing").secret == "s"
    assert access.credentials.keys.find("signing").scopes == {"valuations:read"}
    assert access.clients["credit"].channel == "CREDIT_MGMT"


def credentials(kind, **fields):
    """Settings with one credential of a kind."""
    given = {"channel": "NET_BANK", **fields}
    if kind == "SIGNED_KEYS":
        return {"signed_keys": {hashed("signing"): {"secret": "s", **given}}}
    return {"oauth_clients": {"net": {"secret_sha256": hashed("x"), **given}}}


@pytest.mark.requirement("IN5")
@pytest.mark.parametrize("kind", ["SIGNED_KEYS", "OAUTH_CLIENTS"])
@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        (["valuation:read"], "scopes valuation:read cannot be given; NET_BANK has .*valuations:read"),
        (["valuations:read", "timeline:read"], "scopes timeline:read cannot be given"),
        ([], "scopes is empty, .*leave scopes out"),
    ],
)
def test_scopes_that_a_credential_cannot_have_stop_the_process_at_its_start(tmp_path, kind, scopes, told):
    with pytest.raises(CommandError, match=f"AVM_GATEWAY__{kind}: .*{told}"):
        access_of(settings(tmp_path, **credentials(kind, scopes=scopes)), None)


@pytest.mark.requirement("IN5")
def test_a_signing_key_with_an_empty_secret_stops_the_process_at_its_start(tmp_path):
    with pytest.raises(CommandError, match=r"AVM_GATEWAY__SIGNED_KEYS: .*secret is empty"):
        access_of(settings(tmp_path, **credentials("SIGNED_KEYS", secret="")), None)


def test_instances_of_several_containers_with_the_same_process_id_make_their_keys_beside_each_other(tmp_path):
    left_behind = tmp_path / "gateway" / f"token-keys.json.{os.getpid()}"
    left_behind.parent.mkdir()
    left_behind.write_text("of another container")
    access_of(settings(tmp_path), None)
    assert left_behind.read_text() == "of another container"


@pytest.mark.requirement("IN5")
def test_an_address_alone_gets_less_than_the_website_as_a_whole(tmp_path):
    access = access_of(settings(tmp_path, client_address_header="X-Real-IP"), None)
    let_through = [
        sum(limits.refused_for_s(name, 0.0) is None for _ in range(500))
        for limits, name in ((access.anonymous, "one"), (access.limits, "WEBSITE"), (access.limits, CHECKING))
    ]
    assert let_through == [30, 60, 60]
    assert access.addresses.header == "X-Real-IP"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "YSBzZWNyZXQgb2YgYSB0ZXN0IGFuZCBub3RoaW5nIGVsc2U"}]}',
        "not json",
    ],
)
def test_a_file_of_token_keys_that_cannot_be_used_is_named(tmp_path, text):
    wrong = tmp_path / "keys.json"
    wrong.write_text(text)
    with pytest.raises(CommandError, match=r"token keys in .*keys\.json cannot be used"):
        access_of(settings(tmp_path, token_keys=wrong), None)


def test_public_keys_alone_cannot_sign(tmp_path):
    public = tmp_path / "public.json"
    public.write_text(json.dumps(access_of(settings(tmp_path), None).tokens.public()))
    with pytest.raises(CommandError, match="private EC key"):
        access_of(settings(tmp_path, token_keys=public), None)


def test_a_fingerprint_is_read_as_openssl_writes_it_and_anything_else_is_refused(tmp_path):
    written = ":".join(["AB"] * 32)
    access = access_of(settings(tmp_path, client_certificates={written: "NET_BANK"}), None)
    assert access.credentials.certificates == {"ab" * 32: "NET_BANK"}
    with pytest.raises(CommandError, match="64 hexadecimal digits"):
        access_of(settings(tmp_path, client_certificates={"abc": "NET_BANK"}), None)


def test_the_private_listener_needs_all_its_files(tmp_path):
    assert tls_of(GatewaySettings()) is None
    with pytest.raises(CommandError, match="TLS_CLIENT_AUTHORITY"):
        tls_of(GatewaySettings(tls_certificate=tmp_path / "a.pem"))


@pytest.mark.requirement("IN4")
def test_a_wrong_file_of_channels_stops_a_process_with_its_name(tmp_path):
    wrong = tmp_path / "channels.toml"
    wrong.write_text('[PARTNER]\nname = "合作渠道"\n')
    with pytest.raises(CommandError, match=r"AVM_CHANNELS_FILE .*channels\.toml: .*PARTNER: profile is missing"):
        enlist_channels(Settings(channels_file=wrong))
    assert "PARTNER" not in CHANNELS


@pytest.mark.requirement("IN5")
def test_each_channel_has_the_rate_of_the_registry_and_a_flood_on_one_leaves_the_others(tmp_path):
    limits = access_of(settings(tmp_path), None).limits
    for code, channel in CHANNELS.items():
        admitted = sum(limits.refused_for_s(code, 0.0) is None for _ in range(channel.burst + 5))
        assert (code, admitted) == (code, channel.burst)
    assert limits.refused_for_s("CREDIT_MGMT", 1.0) is None
