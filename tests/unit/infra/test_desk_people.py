"""The people whom the settings of the desk name."""

import json
import stat
from datetime import date

import pytest

from consumers.review_desk.people.staff import Grade, Role
from infra.cli.desk import accounts_of, provider_of
from infra.cli.up import _kept_secrets
from infra.settings import DeskSettings, OidcSettings


def test_an_account_is_a_pair_or_says_more():
    settings = DeskSettings.model_validate(
        {
            "accounts": {
                "lin": ["$argon2id$1", "G2"],
                "sun": {
                    "password_hash": "$argon2id$2",
                    "grade": "G4",
                    "name": "孙班",
                    "roles": ["SUPERVISOR", "SENIOR"],
                    "certified_until": "2026-12-31",
                },
            }
        }
    )
    lin, sun = (account.person for account in accounts_of(settings))
    assert (lin.name, lin.grade, lin.roles, lin.certified_until) == ("lin", Grade.G2, {Role.REVIEWER}, None)
    assert (sun.name, sun.roles) == ("孙班", {Role.SUPERVISOR, Role.SENIOR})
    assert sun.certified_until == date(2026, 12, 31)


@pytest.mark.parametrize("account", [["x", "G9"], {"password_hash": "x", "grade": "G1", "roles": ["BOSS"]}])
def test_a_grade_or_role_that_does_not_exist_names_the_user(account):
    with pytest.raises(ValueError, match="AVM_DESK__ACCOUNTS, user 'lin'"):
        accounts_of(DeskSettings.model_validate({"accounts": {"lin": account}}))


def test_without_a_discovery_url_there_is_no_provider_and_its_secret_is_in_no_text():
    assert provider_of(OidcSettings()) is None
    given = OidcSettings.model_validate({"discovery_url": "https://id.example/x", "client_secret": "not to be seen"})
    provider = provider_of(given)
    assert provider is not None
    assert "not to be seen" not in repr(provider) + repr(given)


def test_a_state_folder_keeps_its_secrets_and_gets_those_that_a_newer_release_needs(tmp_path):
    path = tmp_path / "secrets.json"
    made = _kept_secrets(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"reviewer", "demonstration-reviewer", "supervisor", "admin"} <= set(made["passwords"])
    path.write_text(json.dumps({**made, "passwords": {"reviewer": "as before"}}))
    later = _kept_secrets(path)
    assert later["passwords"]["reviewer"] == "as before"
    assert later["api_keys"] == made["api_keys"]
    assert later["passwords"].keys() == made["passwords"].keys()
    assert _kept_secrets(path) == later
