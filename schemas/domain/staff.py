"""Staff numbers: one spelling for each person, so that nobody counts as two by writing their number another way."""

import re
import unicodedata
from typing import Final

_STAFF_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{1,39}")


def staff_number(text: str) -> str:
    """The one spelling of a staff number: half width, capitals, no blanks around. Raises `ValueError` for no such.

    What people decide is kept for years, so names of persons stay out of it.
    """
    number = folded(text)
    if not _STAFF_NUMBER.fullmatch(number):
        raise ValueError(
            f"{text!r} is no staff number: give one of 2 to 40 letters (A-Z), digits, dots or dashes, no person's name"
        )
    return number


def folded(text: str) -> str:
    """A number as it is compared, unchecked: records written before may hold anything and are still told apart."""
    return unicodedata.normalize("NFKC", text).strip().upper()
