import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.wechat.envelope import AesKeyError, Seal, SealError, is_signed, signature
from producers.wechat.messages import MessageError, fields_of, message_of
from tests.unit.producers.wechat.house import AES_KEY, APP_ID, counted

SEAL = Seal.of(AES_KEY, APP_ID, counted())

# As the developers' documentation prints them.
TEXT = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[fromUser]]></FromUserName>
  <CreateTime>1348831860</CreateTime>
  <MsgType><![CDATA[text]]></MsgType>
  <Content><![CDATA[this is a test]]></Content>
  <MsgId>1234567890123456</MsgId>
</xml>"""
EVENT = """<xml><ToUserName><![CDATA[toUser]]></ToUserName><FromUserName><![CDATA[FromUser]]></FromUserName>
<CreateTime>123456789</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[CLICK]]></Event>
<EventKey><![CDATA[EVENTKEY]]></EventKey></xml>"""
# The key and the account of the sample code of WXBizMsgCrypt.
SAMPLE_KEY, SAMPLE_APP = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx2c2769f8efd9abc2"


@given(st.text(max_size=200))
def test_what_is_sealed_opens_to_the_same_text(text):
    text = text.encode(errors="replace").decode()
    assert SEAL.open(SEAL.close(text)) == text


def test_the_sealed_form_is_random_length_text_and_account_filled_to_32_bytes():
    seal = Seal.of(SAMPLE_KEY, SAMPLE_APP, lambda length: b"r" * length)
    decryptor = seal._cipher().decryptor()
    plain = decryptor.update(base64.b64decode(seal.close("好"))) + decryptor.finalize()
    expected = b"r" * 16 + b"\x00\x00\x00\x03" + "好".encode() + SAMPLE_APP.encode()
    assert plain == expected + bytes([64 - len(expected)]) * (64 - len(expected))


@pytest.mark.parametrize("sealed", ["", "no base64!", "AAAA", SEAL.close("x")[:-4]])
def test_what_this_account_did_not_seal_cannot_be_opened(sealed):
    with pytest.raises(SealError):
        SEAL.open(sealed)


def test_a_message_for_another_account_cannot_be_opened():
    with pytest.raises(SealError):
        SEAL.open(Seal.of(AES_KEY, "another", counted()).close("x"))


@pytest.mark.parametrize("key", ["", "short", AES_KEY + "A", AES_KEY[:-1] + "!"])
def test_a_key_that_is_none_says_where_it_is_to_be_mended(key):
    with pytest.raises(AesKeyError, match="AVM_WECHAT__ENCODING_AES_KEY"):
        Seal.of(key, APP_ID, counted())


def test_a_signature_is_the_sha1_of_all_parts_sorted():
    # printf 1348831860noncetoken | sha1sum
    expected = "b4f66586c9179bea49874dea9939ef1211101ed2"
    assert signature("token", "nonce", "1348831860") == signature("token", "1348831860", "nonce") == expected
    assert is_signed(signature("token", "1", "n"), "token", "1", "n")
    assert not is_signed(signature("token", "1", "n"), "other", "1", "n")


def test_a_text_and_an_event_are_read_as_the_documentation_prints_them():
    text, event = (message_of(fields_of(one.encode())) for one in (TEXT, EVENT))
    assert (text.openid, text.account, text.number, text.text) == (
        "fromUser",
        "toUser",
        "1234567890123456",
        "this is a test",
    )
    assert (event.kind, event.event, event.event_key) == ("event", "CLICK", "EVENTKEY")
    assert event.number == "FromUser-123456789-CLICK-EVENTKEY"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<xml>", "no XML"),
        (b"not xml", "no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Content>&a;</Content></xml>', "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>', "document type"),
        (b"<xml><Content>&undeclared;</Content></xml>", "no XML"),
        (b"<xml>" + b"x" * 70_000 + b"</xml>", "larger than"),
    ],
)
def test_a_body_that_is_no_message_is_refused_without_reading_what_it_points_to(body, why):
    with pytest.raises(MessageError, match=why):
        message_of(fields_of(body))


def test_a_message_without_its_fields_names_them():
    with pytest.raises(MessageError, match="FromUserName, CreateTime"):
        message_of(fields_of(b"<xml><ToUserName>a</ToUserName><MsgType>text</MsgType></xml>"))
