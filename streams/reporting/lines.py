"""Which rows of a report are sure to be one line high.

A row that is given its height is laid out once; one that may wrap must be measured first, and its texts laid
out twice. The template is told here which is which; wherever this is not sure, the row is measured and may wrap.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

# Places on the page in points, as in templates/slip/frame.typ and slip.typ.
_MM: Final = 72 / 25.4
_PAGE: Final = 176 * _MM
_GUTTER: Final = 3 * _MM
_ADDRESS: Final = _PAGE - 17 * _MM
_RANGE: Final = 59 * _MM
_COMMUNITY: Final = 23 * _MM
_DISTANCE: Final = 11.6 * _MM
_ADJUSTMENTS: Final = 48.8 * _MM
_BETWEEN_ADJUSTMENTS: Final = 1.6 * _MM
_TEXT_SIZE: Final = 8.5
_TABLE_SIZE: Final = 8.0
_SMALL_SIZE: Final = 7.5
_IN_A_ROW: Final = {"subject": 6, "business": 5, "references": 2, "method": 3}

# Advance widths of Noto Sans CJK SC in ems, rounded up; a Chinese character is one em wide.
_WIDTHS: Final = {
    0.23: " ",
    0.29: "|ij',.:;l",
    0.35: "I!f()[]{}-",
    0.40: "tr/\\",
    0.51: '*s?z"xc',
    0.56: "vyYJLFke#$+0123456789<=>^~_",
    0.62: "gaXVESTZ`oAhunbdpq",
    0.75: "PRCKB&DGUNHOQ",
    0.95: "wMWm%@",
    1.02: "Ю",
    2.5: "⸺⸻",
}
_EMS: Final = {character: ems for ems, characters in _WIDTHS.items() for character in characters}
_SEAM: Final = re.compile(r"(?<=[^ -~])(?=[!-~])|(?<=[!-~])(?=[^ -~])")
_SEAM_EMS: Final = 0.25  # Typst's space between Chinese and Latin letters


def ems(text: str) -> float:
    """The most ems a text is wide."""
    return sum(_EMS.get(character, 1.0) for character in text) + _SEAM_EMS * len(_SEAM.findall(text))


def one_line(content: dict[str, Any]) -> dict[str, Any]:
    """For each part of the slip, row by row: whether all texts of the row are sure to fit on one line."""
    value, subject = content["value"], content["subject"]
    told = {**content, "subject": subject["facts"]}
    return {
        "range": value is None or _fits(f"{value['range']} 元　覆盖率 {value['coverage'] or ''}", _RANGE),
        "entered": _fits(subject["entered"], _ADDRESS),
        "resolved": _fits(f"{subject['resolved']}　（{subject['match']}）", _ADDRESS),
        "comparables": all(map(_is_one_line, content["comparables"])),
        **{part: [*_facts(told[part], in_a_row)] for part, in_a_row in _IN_A_ROW.items()},
    }


def _fits(text: str, width: float, size: float = _TEXT_SIZE) -> bool:
    return ems(text) * size <= width


def _facts(facts: Sequence[Sequence[str]], in_a_row: int) -> Iterator[bool]:
    width = (_PAGE - (in_a_row - 1) * _GUTTER) / in_a_row
    rows = (facts[first : first + in_a_row] for first in range(0, len(facts), in_a_row))
    return (all(_fits(text, width) for _, text in row) for row in rows)


def _is_one_line(comparable: dict[str, Any]) -> bool:
    adjustments = comparable["adjustments"]
    adjusted = sum(ems(f"{factor} {share}") for factor, share in adjustments) * _SMALL_SIZE
    return (
        _fits(comparable["community"], _COMMUNITY, _TABLE_SIZE)
        and _fits(comparable["distance"], _DISTANCE, _TABLE_SIZE)
        and adjusted + _BETWEEN_ADJUSTMENTS * len(adjustments) <= _ADJUSTMENTS
    )
