import pytest

from consumers.callbacks.targets import ForbiddenTargetError, TargetRules, allowed, check_url, networks_of

OPEN = TargetRules()
BANK_LINE = TargetRules(networks=networks_of(["10.20.0.0/16"]), allow_http=True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "172.16.0.1", "240.0.0.1", "::1", "fe80::1%eth0",
     "fd00::1", "::ffff:10.0.0.1", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_a_private_or_local_address_is_not_sent_to(address):
    with pytest.raises(ForbiddenTargetError, match="AVM_CALLBACKS__NETWORKS"):
        allowed([address], OPEN)


def test_the_bank_s_own_line_is_sent_to_once_its_network_is_named():
    assert allowed(["10.1.0.1", "10.20.3.4"], BANK_LINE) == "10.20.3.4"
    with pytest.raises(ForbiddenTargetError):
        allowed(["10.21.0.1"], BANK_LINE)


def test_a_public_address_is_sent_to():
    assert allowed(["1.1.1.1"], OPEN) == "1.1.1.1"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://bank.example/hook", "AVM_CALLBACKS__ALLOW_HTTP"),
        ("ftp://bank.example/", "https://"),
        ("bank.example/hook", "https://"),
        ("https://", "names a host"),
        ("https://user:geheim@bank.example/", "user or password"),
        ("https://bank.example/#part", "#"),
        ("https://bank.example:port/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://bank..example/x", "no host can have this name"),
        (f"https://{'a' * 64}.example/x", "no host can have this name"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_with_what_to_do(url, says):
    with pytest.raises(ForbiddenTargetError, match=says) as refused:
        check_url(url, OPEN)
    assert "geheim" not in str(refused.value)


def test_a_closed_line_may_speak_http():
    assert check_url("http://credit.bank:8080/hook", BANK_LINE).port == 8080
