import base64
import hmac
import json
from hashlib import sha256

import pytest

from house_valuation import WebhookError, verified

NOW = 1_700_000_000
SECRET = "whsec_" + base64.b64encode(b"a secret of this channel, 32 byte").decode()
OTHER = "whsec_" + base64.b64encode(b"the one that came after").decode()
BODY = json.dumps({"type": "RESULT", "data": {"valuation_id": "v-1"}}).encode()


def signed(body=BODY, *, at=NOW, secret=SECRET, message_id="d-1"):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.digest(key, f"{message_id}.{at}.".encode() + body, "sha256")
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def test_a_genuine_delivery_is_read():
    delivery = verified(signed(), BODY, [SECRET], now_s=NOW + 5)
    assert (delivery.delivery_id, delivery.kind, delivery.data["valuation_id"]) == ("d-1", "RESULT", "v-1")
    assert delivery.sha256 == sha256(BODY).hexdigest()


def test_either_secret_does_while_one_is_being_changed():
    assert verified(signed(secret=OTHER), BODY, [SECRET, OTHER], now_s=NOW)
    both = signed() | {"Webhook-Signature": f"v1,AAAA {signed()['Webhook-Signature']}"}
    assert verified(both, BODY, [SECRET], now_s=NOW)


@pytest.mark.parametrize(
    ("headers", "body", "now", "says"),
    [
        (signed(), BODY + b" ", NOW, "no signature fits"),
        (signed(secret=OTHER), BODY, NOW, "no signature fits"),
        (signed() | {"Webhook-Id": "d-2"}, BODY, NOW, "no signature fits"),
        (signed() | {"Webhook-Timestamp": str(NOW + 1)}, BODY, NOW, "no signature fits"),
        (signed(), BODY, NOW + 301, "301 s ago"),
        (signed(at=NOW + 400), BODY, NOW, "400 s ago"),
        ({"Webhook-Id": "d-1"}, BODY, NOW, "are needed"),
        (signed() | {"Webhook-Timestamp": "soon"}, BODY, NOW, "are needed"),
    ],
)
def test_what_is_not_genuine_is_refused(headers, body, now, says):
    with pytest.raises(WebhookError, match=says):
        verified(headers, body, [SECRET], now_s=now)
