import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from consumers.callbacks.signing import Secret, SecretError, active, rotated, secret_of, signature, signed_headers

# the example of the Standard Webhooks specification's reference libraries
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.mark.requirement("RS2")
def test_the_signature_is_that_of_the_specification_s_example():
    made = signature(
        b'{"test": 2432232314}', message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp="1614265330", secret=SECRET
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign_and_afterwards_the_new_one_alone():
    old, new = secret_of(b"o" * 32), secret_of(b"n" * 32)
    secrets = rotated([Secret(secret=old)], new, now=AT, old_until=AT + timedelta(hours=24))
    assert active(secrets, AT) == (new, old)
    assert active(secrets, AT + timedelta(hours=24)) == (new,)
    headers = signed_headers(b"{}", message_id="d-1", at=AT, secrets=active(secrets, AT))
    by_hand = [
        "v1," + base64.b64encode(hmac.digest(key * 32, f"d-1.{int(AT.timestamp())}.{{}}".encode(), "sha256")).decode()
        for key in (b"n", b"o")
    ]
    assert headers["webhook-signature"].split() == by_hand


def test_a_second_rotation_drops_what_has_expired_and_never_prolongs():
    first = rotated([Secret(secret="whsec_a")], "whsec_b", now=AT, old_until=AT + timedelta(hours=1))
    later = rotated(first, "whsec_c", now=AT + timedelta(minutes=30), old_until=AT + timedelta(days=2))
    assert [one.until for one in later] == [None, AT + timedelta(days=2), AT + timedelta(hours=1)]
    assert len(rotated(later, "whsec_d", now=AT + timedelta(hours=2), old_until=AT + timedelta(days=2))) == 3


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", base64.b64encode(b"x" * 32).decode()])
def test_a_secret_that_is_none_is_refused(secret):
    with pytest.raises(SecretError):
        signature(b"", message_id="d", timestamp="1", secret=secret)
