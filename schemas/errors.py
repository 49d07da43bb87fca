"""Errors by what must happen next: retry, dead letter, or end the process."""


class TransientError(Exception):
    """May work later (a registry or a store is away). Retried in place, bounded, then a dead letter."""


class PermanentError(Exception):
    """Can never work, however often it is tried. Becomes a dead letter at once."""


class PublishError(Exception):
    """The broker did not confirm a record. The process ends before the offset of its input moves."""


class UndecodableError(PermanentError):
    """The bytes are not a message of ours: wrong magic byte, truncated, or not what the topic carries."""


class UnknownSchemaError(TransientError):
    """The registry does not know the schema id in the message; it may merely lag behind the writer."""
