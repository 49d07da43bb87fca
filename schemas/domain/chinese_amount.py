"""人民币大写: whole yuan in the words of a Chinese bank document (支付结算办法, appendix 1)."""

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ((1000, "仟"), (100, "佰"), (10, "拾"), (1, ""))
_WAN = 10**4
_YI = 10**8
LARGEST = 10**16 - 1  # above 玖仟万亿 the words are no longer unambiguous


def in_words(yuan: int) -> str:
    """`1234560` → `壹佰贰拾叁万肆仟伍佰陆拾元整`.

    Raises `ValueError` below 0 and above `LARGEST`.
    """
    if not 0 <= yuan <= LARGEST:
        raise ValueError(f"an amount in words lies between 0 and {LARGEST} yuan, got {yuan}")
    return f"{_number(yuan) or _DIGITS[0]}元整"


def _number(number: int) -> str:
    """The words of a number; empty for zero."""
    for unit, word in ((_YI, "亿"), (_WAN, "万")):
        if number >= unit:
            high, low = divmod(number, unit)
            # a gap below the unit is read as one 零: 壹亿零伍元, 壹万零贰拾元
            gap = _DIGITS[0] if 0 < low < unit // 10 else ""
            return f"{_number(high)}{word}{gap}{_number(low)}"
    return _below_ten_thousand(number)


def _below_ten_thousand(number: int) -> str:
    words, gap = "", False
    for place, word in _PLACES:
        digit = number // place % 10
        if digit == 0:
            gap = bool(words)
            continue
        words += (_DIGITS[0] if gap else "") + _DIGITS[digit] + word
        gap = False
    return words
