"""The XML of messages: read safely, written as WeChat expects it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

MOST_BYTES: Final = 64 * 1024
_NAMED = ("ToUserName", "FromUserName", "CreateTime", "MsgType")


class MessageError(ValueError):
    """The body is no message of WeChat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a customer. `openid` is theirs, `account` ours; `number` tells messages apart, also when sent again.

    `kind`: text, image, voice, video, shortvideo, location, link or event; `event` and `event_key` belong to the last.
    """

    openid: str
    account: str
    number: str
    kind: str
    text: str = ""
    event: str = ""
    event_key: str = ""


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of the document's root element.

    A document type is refused before anything in it could be declared, so no entity ever grows.

    Raises:
        MessageError: It is too large, no XML, or has a document type.
    """
    if len(body) > MOST_BYTES:
        raise MessageError(f"larger than {MOST_BYTES} bytes")
    fields: dict[str, str] = {}
    path: list[str] = []

    def refuse(*_: object) -> None:
        raise MessageError("has a document type; messages have none")

    def take(text: str) -> None:
        if len(path) == 2:  # noqa: PLR2004 - a child of the root
            fields[path[-1]] = fields.get(path[-1], "") + text

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: path.append(name)
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = take
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MessageError(f"no XML: {error}") from None
    return fields


def message_of(fields: Mapping[str, str]) -> Message:
    """The message in these fields. Raises `MessageError` naming what is missing."""
    missing = [name for name in _NAMED if not fields.get(name)]
    if missing:
        raise MessageError(f"without {', '.join(missing)}")
    event = fields.get("Event", "")
    # Events have no number of their own: sender, second, kind and key tell them apart (开发者文档: 接收事件推送).
    of_event = (fields["FromUserName"], fields["CreateTime"], event, fields.get("EventKey", ""))
    number = fields.get("MsgId") or "-".join(of_event)
    return Message(
        openid=fields["FromUserName"],
        account=fields["ToUserName"],
        number=number,
        kind=fields["MsgType"],
        text=(fields.get("Content") or fields.get("Recognition") or "").strip(),
        event=event,
        event_key=fields.get("EventKey", ""),
    )


def reply_xml(message: Message, text: str, *, at_s: int) -> str:
    """The passive reply to a message; `at_s` is in seconds since 1970."""
    return document(
        {
            "ToUserName": message.openid,
            "FromUserName": message.account,
            "CreateTime": str(at_s),
            "MsgType": "text",
            "Content": text,
        }
    )


def document(fields: Mapping[str, str]) -> str:
    """A document of these fields."""
    return "<xml>" + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items()) + "</xml>"
