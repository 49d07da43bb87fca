from pathlib import Path

import pytest

from infra.kafka.security import client_conf


@pytest.mark.parametrize(
    ("login", "ca_path", "protocol"),
    [
        (False, None, "PLAINTEXT"),
        (False, Path("ca.pem"), "SSL"),
        (True, None, "SASL_PLAINTEXT"),
        (True, Path("ca.pem"), "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_login_and_authority(login, ca_path, protocol):
    user = {"sasl_username": "scoring", "sasl_password": "secret"} if login else {}
    conf = client_conf("a:9092,b:9092", ca_path=ca_path, **user)
    assert conf["bootstrap.servers"] == "a:9092,b:9092"
    assert conf["security.protocol"] == protocol
    assert ("sasl.password" in conf) is login
    assert conf.get("ssl.ca.location") == (str(ca_path) if ca_path else None)


def test_half_a_login_is_refused():
    with pytest.raises(ValueError, match="both a user and a password"):
        client_conf("a:9092", sasl_username="scoring")
