"""Two small charts as SVG text that stands inside a page: curves, and shares with their intervals by group.

Drawn by hand: two kinds of chart do not need a plotting library, and text stays text, in the reader's own fonts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

Point = tuple[float, float]
BLUE, ORANGE, GREY = "#1f5fa8", "#c8641b", "#8a8f98"  # told apart without red and green
_INK, _GRID = "#3a3f47", "#e3e6ea"
_WIDTH: Final = 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 14, 66
_HEIGHT: Final = 290
_ROW: Final = 22  # height of a group
_WIDEST: Final = 190  # of its name
_COUNT: Final = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A named line through points, or the points alone."""

    name: str
    points: Sequence[Point]
    colour: str
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A share of a group, with its interval where there is one; `None` where too few items carry a share."""

    name: str
    n: int
    share: float | None
    interval: Point | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis says, and from where to where, in steps. Values are shares and are shown in per cent."""

    title: str
    low: float
    high: float
    step: float

    def ticks(self) -> Iterator[float]:
        """The values with a line of the grid."""
        count = round((self.high - self.low) / self.step)
        return (self.low + at * self.step for at in range(count + 1))

    def part(self, value: float) -> float:
        """Where a value lies, from 0 to 1; what lies outside is drawn at the border."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def axis_around(title: str, values: Sequence[float], step: float = 0.1) -> Axis:
    """An axis of shares wide enough for these values."""
    low = max(0.0, int(min(values) / step + 1e-9) * step)
    high = min(1.0, (int(max(values) / step - 1e-9) + 1) * step)
    return Axis(title=title, low=low, high=max(high, low + step), step=step)


def curve_chart(title: str, curves: Sequence[Curve], x: Axis, y: Axis) -> str:
    """Lines over two axes of shares, with a legend below."""

    def place(point: Point) -> Point:
        right, down = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        return _LEFT + x.part(point[0]) * (right - _LEFT), down - y.part(point[1]) * (down - _TOP)

    parts = [*_grid(x, y, place), *_legend(curves)]
    for curve in curves:
        at = [place(point) for point in curve.points]
        line = " ".join(f"{left:.1f},{top:.1f}" for left, top in at)
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{curve.colour}" stroke-width="2"{dash}/>')
        if curve.dots:
            parts += [f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{curve.colour}"/>' for left, top in at]
    return _svg(title, _WIDTH, _HEIGHT, parts)


def group_chart(title: str, groups: Sequence[Group], axis: Axis, reference: float | None = None) -> str:
    """A row for each group: its name, its count, its share as a dot on its interval; a line at the reference."""
    label = min(_WIDEST, 14 + max(map(_width, (group.name for group in groups)), default=0))
    left, right, bottom = label + _COUNT, _WIDTH - _RIGHT, _TOP + _ROW * len(groups)

    def across(share: float) -> float:
        return left + axis.part(share) * (right - left)

    parts = []
    for tick in axis.ticks():
        at = across(tick)
        parts += [_line(at, _TOP, at, bottom, _GRID), _text(at, bottom + 15, f"{tick:.0%}", "middle")]
    if reference is not None:
        parts.append(_line(across(reference), _TOP, across(reference), bottom, ORANGE, dash="5 4"))
    for place, group in enumerate(groups):
        middle = _TOP + _ROW * (place + 0.5)
        parts += [
            _text(label - 6, middle + 4, group.name, "end"),
            _text(left - 10, middle + 4, f"{group.n:,}", "end", GREY),
        ]
        if group.interval is not None:
            low, high = map(across, group.interval)
            parts.append(_line(low, middle, high, middle, BLUE, width=3, opacity=0.35))
        if group.share is not None:
            parts.append(f'<circle cx="{across(group.share):.1f}" cy="{middle:.1f}" r="4" fill="{BLUE}"/>')
    parts.append(_text((left + right) / 2, bottom + 34, axis.title, "middle"))
    return _svg(title, _WIDTH, bottom + 44, parts)


def _width(text: str) -> float:
    """About how wide a text stands at 12 px: Chinese characters are square, others little more than half of it."""
    return sum(12 if ord(character) > 0x2E7F else 7 for character in text)  # noqa: PLR2004 - where CJK begins


def _grid(x: Axis, y: Axis, place: Callable[[Point], Point]) -> Iterator[str]:
    for tick in x.ticks():
        left, down = place((tick, y.low))
        yield _line(left, _TOP, left, down, _GRID)
        yield _text(left, down + 16, f"{tick:.0%}", "middle")
    for tick in y.ticks():
        left, down = place((x.low, tick))
        yield _line(left, down, _WIDTH - _RIGHT, down, _GRID)
        yield _text(left - 7, down + 4, f"{tick:.0%}", "end")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - _BOTTOM + 34, x.title, "middle")
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    yield f'<g transform="translate(13 {middle:.1f}) rotate(-90)">{_text(0, 0, y.title, "middle")}</g>'


def _legend(curves: Sequence[Curve]) -> Iterator[str]:
    step = (_WIDTH - _LEFT) / len(curves)
    for place, curve in enumerate(curves):
        left, top = _LEFT + step * place, _HEIGHT - 10
        yield _line(left, top - 4, left + 20, top - 4, curve.colour, width=2, dash="5 4" if curve.dashed else "")
        yield _text(left + 26, top, curve.name)


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    drawn = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{escape(title)}"'
        f' font-size="12">{drawn}</svg>'
    )


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = "", opacity: float = 1
) -> str:
    more = (f' stroke-dasharray="{dash}"' if dash else "") + (f' stroke-opacity="{opacity:g}"' if opacity < 1 else "")
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"{more}/>'


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
