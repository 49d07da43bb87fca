"""黑名单: channels, customers and single credentials that are not let in, whatever else holds."""

from producers.gateway.access.caller import Caller, pseudonym


def of_channel(channel: str) -> str:
    """The entry for a whole channel."""
    return f"channel:{channel}"


def of_subject(channel: str, subject: str) -> str:
    """The entry for one customer of a channel; of the token only a hash is kept."""
    return f"subject:{channel}:{pseudonym(channel, subject)}"


def of_credential(credential: str) -> str:
    """The entry for one credential, by its name in the audit."""
    return f"credential:{credential}"


def entries_for(caller: Caller) -> frozenset[str]:
    """What would keep a caller out: one of its credentials is enough."""
    code = caller.channel.code
    found = {of_channel(code), *(of_credential(name) for name in (caller.credential, *caller.others))}
    return frozenset(found | ({of_subject(code, caller.subject)} if caller.subject else set()))
