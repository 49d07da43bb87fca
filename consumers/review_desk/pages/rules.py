"""The rules of market comparison (GB/T 50291) as the sheet of comparables says them, met or broken."""

from collections.abc import Mapping
from typing import Final

from schemas.events import RuleCheck

RULES: Final[Mapping[str, tuple[str, str]]] = {
    "MIN_COMPARABLES": ("采用实例", "≥3"),
    "MAX_AGE_DAYS": ("最早成交距价值时点", "≤2年"),
    "MAX_SINGLE_ADJUSTMENT": ("单项修正", "≤20%"),
    "MAX_TOTAL_ADJUSTMENT": ("综合修正", "≤30%"),
    "MAX_ADJUSTED_RATIO": ("高低价之比", "≤1.2"),
}


def rule_text(check: RuleCheck, *, is_any_taken: bool = True) -> str:
    """A rule with its sign, figure and limit: `✓ 单项修正 4.0%（≤20%）`; a dash where nothing is taken to judge by."""
    name, limit = RULES[check.rule]
    if not is_any_taken:
        return f"{name} —（{limit}）"
    match check.rule:
        case "MIN_COMPARABLES":
            figure = f"{check.figure:.0f} 例"
        case "MAX_AGE_DAYS":
            figure = f"{check.figure:.0f} 天"
        case "MAX_ADJUSTED_RATIO":
            figure = f"{check.figure:.2f}"
        case _:
            figure = f"{check.figure:.1%}"
    return f"{'✓' if check.met else '✗ 未满足'} {name} {figure}（{limit}）"
