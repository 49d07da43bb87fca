"""黑名单: channels, customers and single credentials that are not let in, whatever else holds."""

from producers.gateway.access.caller import pseudonym


def of_channel(channel: str) -> str:
    """The entry for a whole channel."""
    return f"channel:{channel}"


def of_subject(channel: str, subject: str) -> str:
    """The entry for one customer of a channel; of the token only a hash is kept."""
    return f"subject:{channel}:{pseudonym(channel, subject)}"


def of_credential(credential: str) -> str:
    """The entry for one credential, by its name in the audit."""
    return f"credential:{credential}"


def entries_for(channel: str, credential: str, subject: str | None) -> frozenset[str]:
    """What would keep a caller out."""
    found = {of_channel(channel), of_credential(credential)}
    return frozenset(found | ({of_subject(channel, subject)} if subject else set()))
