"""Ids are derived from what they name: the same request or effect, seen twice, has the same id."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f2a7a52-6a4e-5c0b-9d5e-1d0f3c1b7a10")  # fixed for ever: all ids of the house hang on it


def valuation_id(channel: str, client_request_id: str) -> str:
    """The id of the valuation a channel asks for under its own request number. A bank's producer computes it too."""
    return str(uuid5(_NAMESPACE, f"{channel}|{client_request_id}"))


def event_id(valuation_id: str, event_type: str, revision: int) -> str:
    """The id of one event of a valuation. A replay writes the same one, so every effect of it is absorbed."""
    return str(uuid5(_NAMESPACE, f"{valuation_id}|{event_type}|{revision}"))


def work_order_id(channel: str, client_request_id: str) -> str:
    """The id of the work order a channel raises under its own number, apart from its valuations."""
    return str(uuid5(_NAMESPACE, f"work-order|{channel}|{client_request_id}"))


def pseudonym(role: str, username: str) -> str:
    """A stable name for a person in records that outlive the case: tells two people apart and says neither name."""
    return f"{role}-{uuid5(_NAMESPACE, f'{role}|{username}').hex[:12]}"


def delivery_id(channel: str, event_id: str) -> str:
    """The id of the delivery of one event to one channel: however often it is sent, it is the same delivery."""
    return str(uuid5(_NAMESPACE, f"delivery|{channel}|{event_id}"))
