"""What an ID token is checked against (OpenID Connect Core 1.0, section 3.1.3.7)."""

from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey

from consumers.review_desk.people.oidc import Expected, Provider, checked

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
PROVIDER = Provider(
    discovery_url="https://id.example/.well-known/openid-configuration",
    client_id="desk",
    client_secret="client-secret",
    redirect_url="https://desk.example/oidc/callback",
)
EXPECTED = Expected(state="state", nonce="nonce", code_verifier="verifier")
KNOWN = {"issuer": "https://id.example", "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"]}


def at(**after: float) -> int:
    return int((NOW + timedelta(**after)).timestamp())


CLAIMS = {
    "iss": "https://id.example",
    "sub": "1",
    "aud": "desk",
    "iat": at(),
    "exp": at(minutes=5),
    "nonce": "nonce",
    "preferred_username": "lin",
}


@pytest.fixture(scope="module")
def key():
    return RSAKey.generate_key(2048, auto_kid=True)


def check(token: str, key, provider: Provider = PROVIDER):
    return checked(token, KeySet([key]), provider, KNOWN, EXPECTED, access_token="opaque", now=NOW)


def signed(key, algorithm: str = "RS256", kid: str | None = None, **lies) -> str:
    claims = {name: value for name, value in {**CLAIMS, **lies}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": kid or key.kid}, claims, key, algorithms=[algorithm])


def test_a_true_token_names_its_user(key):
    assert check(signed(key), key)["preferred_username"] == "lin"


def test_clocks_may_differ_a_little(key):
    assert check(signed(key, exp=at(seconds=-20), iat=at(seconds=20)), key)["sub"] == "1"


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": ["desk", "another-client"]},  # without azp nobody says for whom
        {"aud": ["desk", "another-client"], "azp": "another-client"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": at(minutes=-1)},
        {"exp": None},
        {"iat": at(minutes=5)},
        {"nbf": at(minutes=5)},
        {"at_hash": "of another access token"},
    ],
)
def test_a_token_for_another_time_client_or_log_in_is_refused(key, lies):
    with pytest.raises(JoseError):
        check(signed(key, **lies), key)


@pytest.mark.requirement("SE3")
def test_a_token_of_another_key_is_refused(key):
    other = RSAKey.generate_key(2048, auto_kid=True)
    with pytest.raises(JoseError):
        check(signed(other, kid=key.kid), key)


@pytest.mark.requirement("SE3")
def test_a_token_signed_with_the_client_s_secret_or_not_at_all_is_refused(key):
    """Even where the provider's own list has these: the secret is known to more than the provider."""
    secret = OctKey.import_key("a client's secret of more than thirty-two bytes")
    with pytest.raises(JoseError):
        check(signed(secret, "HS256", kid=key.kid), key)
    with pytest.raises(JoseError):
        check(signed(key).rsplit(".", 1)[0] + ".", key)
