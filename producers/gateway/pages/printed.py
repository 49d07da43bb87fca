"""A report's number and verification code as they are printed, from what people type or read off the paper."""

import re
import unicodedata
from typing import Final

_CONFUSED: Final = str.maketrans("OIL", "011")  # letters that neither a mark nor a code has
_MARK: Final = "[0-9A-HJKMNP-TV-Z]"
_NUMBER: Final = re.compile(rf"GJ(\d{{8}})({_MARK}{{12}})(\d+)")
_NUMBER_OF_OLD: Final = re.compile(rf"GJ(\d{{8}})({_MARK}{{8}})(\d{{1,3}})")  # printed before marks grew to 60 bits
_CODE: Final = re.compile(rf"{_MARK}{{12}}")


def number_as_printed(typed: str) -> str:
    """`gj 20261124 7q2k9xmdo4vn 1` -> `GJ-20261124-7Q2K-9XMD-04VN-1`; what is no number of ours, as it was typed."""
    plain = _plain(typed)
    plain = plain[:2] + plain[2:].translate(_CONFUSED)
    if (found := _NUMBER.fullmatch(plain)) is not None:
        return f"GJ-{found[1]}-{_in_fours(found[2])}-{found[3]}"
    if (found := _NUMBER_OF_OLD.fullmatch(plain)) is not None:
        return f"GJ-{found[1]}-{found[2]}-{found[3]}"
    return typed.strip()


def code_as_printed(typed: str) -> str:
    """`7q2k 9xmd o4vn` -> `7Q2K-9XMD-04VN`; what is no code of ours, as it was typed."""
    plain = _plain(typed).translate(_CONFUSED)
    return _in_fours(plain) if _CODE.fullmatch(plain) else typed.strip()


def _plain(typed: str) -> str:
    """Capitals and digits alone: dashes and blanks come in many kinds, and full-width forms from Chinese keyboards."""
    wide = unicodedata.normalize("NFKC", typed).upper()
    return "".join(character for character in wide if character.isascii() and character.isalnum())


def _in_fours(characters: str) -> str:
    return "-".join(characters[start : start + 4] for start in range(0, len(characters), 4))
