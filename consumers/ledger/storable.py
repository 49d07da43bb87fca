"""Text from outside as PostgreSQL takes it."""


def storable(text: str) -> str:
    """The text without the one character that PostgreSQL does not store, as itself and as JSON writes it."""
    return text.replace("\x00", "\ufffd").replace("\\u0000", "\\ufffd")
