"""The form of a decision. The total follows the unit price as it is typed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui

from consumers.review_desk.case import Case
from consumers.review_desk.pages.frame import panel
from consumers.review_desk.pages.written import share, wan
from consumers.review_desk.task import FEWEST_COMPARABLES, Conclusion, DeskPolicy, DeviationReason, Violation
from consumers.review_desk.words import DEVIATION, OUTCOME
from schemas.codes import ReviewOutcome
from schemas.domain.rounding import total

_DENSE = "dense outlined hide-bottom-space stack-label"


class DecisionForm:
    """Fields, what they say together, and what is wrong with them."""

    def __init__(
        self,
        case: Case,
        policy: DeskPolicy,
        *,
        submit: Callable[[], Awaitable[None]],
        on_price: Callable[[int | None], None],
    ) -> None:
        """Build the form inside the current element, filled from the draft of the task."""
        self._case, self._policy, self._on_price = case, policy, on_price
        draft = case.task.draft
        with panel("复核决定"), ui.element("div").style("display: grid; gap: 6px; width: 100%") as self._box:
            self._outcome = ui.select(
                dict(OUTCOME), value=draft.get("outcome", ReviewOutcome.VALUE), on_change=self._refresh
            ).props(_DENSE)
            with ui.element("div").style("display: grid; gap: 6px") as self._money:
                self._build_money(draft)
            self._rationale = (
                ui.textarea("判断依据（仅内部留存，不少于10字）", value=draft.get("rationale", ""))
                .props(f"{_DENSE} rows=3")
                .props("data-testid=rationale")
            )
            self._problems = ui.label("").classes("bad").style("white-space: pre-line").props("data-testid=problems")
            ui.button("提交并领取下一件 (Ctrl+Enter)", on_click=submit).props("unelevated no-caps").props(
                "data-testid=submit"
            )
        self._refresh()

    def _build_money(self, draft: Any) -> None:
        self._unit_price = (
            ui.number("单价 元/㎡", value=draft.get("unit_price"), min=1, precision=0, on_change=self._refresh)
            .props(f"{_DENSE} autofocus")
            .props("data-testid=unit-price")
        )
        with ui.element("div").style("display: flex; align-items: baseline; gap: 8px; min-height: 26px"):
            self._total = ui.label("").classes("figure").props("data-testid=total")
            self._deviation = ui.label("").classes("num")
        with ui.element("div").style("display: grid; grid-template-columns: 1fr 1fr; gap: 6px"):
            self._lower = ui.number("区间下限 元（可空）", value=draft.get("lower"), precision=0).props(_DENSE)
            self._upper = ui.number("区间上限 元（可空）", value=draft.get("upper"), precision=0).props(_DENSE)
        self._because = ui.select(
            dict(DEVIATION), label="偏离模型的原因", value=draft.get("deviation_because"), clearable=True
        ).props(_DENSE)
        self._few = ui.input("可比实例不足三例的原因", value=draft.get("few_comparables_because", "")).props(_DENSE)

    def conclusion(self, comparable_ids: tuple[str, ...], confirmed_community_id: str | None) -> Conclusion:
        """Return what the fields say; whether it is complete is judged by the rules, not here."""
        outcome = ReviewOutcome(self._outcome.value)
        valued = outcome is ReviewOutcome.VALUE
        because = self._because.value
        return Conclusion(
            outcome=outcome,
            rationale=self._rationale.value or "",
            unit_price=_whole(self._unit_price.value) if valued else None,
            lower=_whole(self._lower.value) if valued else None,
            upper=_whole(self._upper.value) if valued else None,
            comparable_ids=comparable_ids if valued else (),
            few_comparables_because=self._few.value or None,
            deviation_because=DeviationReason(because) if because and valued else None,
            confirmed_community_id=confirmed_community_id,
        )

    def draft(self) -> dict[str, Any]:
        """Return the fields as they are, to be kept."""
        return {
            "outcome": self._outcome.value,
            "unit_price": self._unit_price.value,
            "lower": self._lower.value,
            "upper": self._upper.value,
            "deviation_because": self._because.value,
            "few_comparables_because": self._few.value,
            "rationale": self._rationale.value,
        }

    def show(self, violations: Sequence[Violation]) -> None:
        """Say what is missing."""
        self._problems.text = "\n".join(violation.message for violation in violations)
        self._because.visible = self._because.visible or any(one.field == "deviation_because" for one in violations)

    def tell_chosen(self, comparables: int) -> None:
        """Ask why, while fewer comparables are chosen than a decision needs."""
        self._few.visible = comparables < FEWEST_COMPARABLES

    def disable(self) -> None:
        """The task is no longer ours: nothing can be entered any more."""
        self._box.style("pointer-events: none; opacity: .5")

    def _refresh(self) -> None:
        self._money.visible = self._outcome.value == ReviewOutcome.VALUE
        self._problems.text = ""
        price = _whole(self._unit_price.value)
        usable = price is not None and price > 0
        self._total.text = wan(total(price, self._case.subject.area_m2)) if price is not None and usable else "总价 —"
        self._tell_deviation(price if usable else None)
        self._on_price(price if usable else None)

    def _tell_deviation(self, price: int | None) -> None:
        model = self._case.model
        if model is None or price is None:
            self._deviation.text = ""
            self._because.visible = bool(self._because.value)
            return
        away = price / model.unit_price - 1
        far = abs(price - model.unit_price) > self._policy.deviation_needs_reason * model.unit_price
        self._deviation.text = f"较模型 {share(away)}（{price - model.unit_price:+,}）"
        self._deviation.classes(replace=f"num {'warn' if far else 'soft'}")
        self._because.visible = far or bool(self._because.value)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
