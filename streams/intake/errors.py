"""What intake cannot answer."""

from schemas.errors import PermanentError


class UnknownChannelError(PermanentError):
    """UNKNOWN_CHANNEL: the record names no registered channel, so there is nobody to answer. It becomes a dead letter.

    Whoever runs the service reads the channel in the dead letter, registers it and replays, or corrects the sender.
    """

    def __init__(self) -> None:
        super().__init__(
            "UNKNOWN_CHANNEL: the channel is not registered; register it and replay, or correct the sender"
        )
