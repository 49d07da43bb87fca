"""The form of a decision. The total and the deviation follow the unit price as it is typed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.deciding.case import Case
from consumers.review_desk.deciding.decision import FEWEST_COMPARABLES, Conclusion, DeviationReason, Violation
from consumers.review_desk.pages.asking import FIELD
from consumers.review_desk.pages.comparables import Sheet
from consumers.review_desk.pages.form_words import EXPLAINED, OUTCOMES, SURVEY, deviation_text, is_far
from consumers.review_desk.pages.frame import panel
from consumers.review_desk.pages.written import wan
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.words import DEVIATION, LIMITING_FACTOR, said
from schemas.codes import LimitingFactor, ReviewOutcome
from schemas.domain.rounding import total

COMPARISON, DIRECT = "COMPARISON", "DIRECT"
_WITHIN: Final = {4: "4 小时内", 8: "8 小时内", 24: "1 天内", 48: "2 天内", 72: "3 天内"}
_HIGHEST: Final = 1_000_000  # yuan per m²: beyond, a total was typed
_METHODS: Final = {COMPARISON: "按可比实例", DIRECT: "直接给价"}


class DecisionForm:
    """Fields, what they say together, and what is wrong with them."""

    def __init__(  # noqa: PLR0913 - what the form stands between
        self,
        case: Case,
        policy: DeskPolicy,
        sheet: Sheet,
        outcomes: Sequence[str],
        *,
        submit: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
        title: str = "估值结论",
    ) -> None:
        """Build the form inside the current element, filled from the draft of the task."""
        self._case, self._policy, self._sheet, self._on_change = case, policy, sheet, on_change
        draft = case.task.draft
        outcome = draft.get("outcome", ReviewOutcome.VALUE)
        with panel(title), ui.element("div").style("display: grid; gap: 6px; width: 100%") as self._box:
            self._outcome = (
                ui.select(
                    {code: said(OUTCOMES, code) for code in outcomes},
                    label="处理结果",
                    value=outcome if outcome in outcomes else outcomes[0],
                    on_change=self._changed,
                )
                .props(f"{FIELD} options-dense")
                .props("data-testid=outcome")
            )
            self._explained = ui.label("").classes("soft")
            with ui.element("div").style("display: grid; gap: 6px") as self._money:
                self._build_money(draft)
            self._survey = (
                ui.select(_WITHIN, label="最迟", value=draft.get("survey_hours", 24), on_change=self._typed)
                .props(f"{FIELD} options-dense")
                .props("data-testid=survey-within")
            )
            self._rationale = (
                ui.textarea(
                    "判断依据（仅内部留存，不少于10字）", value=draft.get("rationale", ""), on_change=self._typed
                )
                .props(f"{FIELD} rows=3")
                .props("data-testid=rationale")
            )
            with ui.button(on_click=submit).props("unelevated no-caps data-testid=submit") as self._submit:
                ui.html("提交并领取下一件<kbd>Ctrl+Enter</kbd>", sanitize=False)
            # Below the button, which stays where it is whatever there is to say.
            self._problems = ui.label("").classes("bad").style("white-space: pre-line; min-height: 20px")
            self._problems.props("data-testid=problems role=alert")
        self._refresh()

    def _build_money(self, draft: Mapping[str, Any]) -> None:
        method = draft.get("method", DIRECT if self._case.task.blind or not self._case.comparables else COMPARISON)
        self._method = (
            ui.toggle(_METHODS, value=method, on_change=self._changed)
            .props("dense no-caps unelevated spread data-testid=method")
            .style("border: 1px solid var(--line)")
        )
        self._unit_price = (
            ui.number("单价 元/㎡", value=draft.get("unit_price"), min=1, precision=0, on_change=self._price_typed)
            .props(f"{FIELD} input-class=text-right")
            .props("data-testid=unit-price")
        )
        with ui.element("div"):  # each on its own line of fixed height: nothing moves while a price is typed
            self._total = ui.label("").classes("figure").style("min-height: 26px").props("data-testid=total")
            self._deviation = ui.label("").classes("num").style("min-height: 20px").props("data-testid=deviation")
        with ui.element("div").style("display: grid; grid-template-columns: 1fr 1fr; gap: 6px"):
            self._lower = self._money_field("区间下限 元（可空）", draft.get("lower"))
            self._upper = self._money_field("区间上限 元（可空）", draft.get("upper"))
        self._because = ui.select(
            dict(DEVIATION),
            label="偏离模型的原因",
            value=draft.get("deviation_because"),
            clearable=True,
            on_change=self._typed,
        ).props(f"{FIELD} options-dense data-testid=because")
        # Always there where a model is, so that nothing moves while a price is typed.
        self._because.visible = self._case.model is not None or bool(self._because.value)
        self._few = ui.input(
            f"可比实例不足{FEWEST_COMPARABLES}例的原因",
            value=draft.get("few_comparables_because") or "",
            on_change=self._typed,
        ).props(f"{FIELD} data-testid=few")
        known = [factor for factor in draft.get("limiting_factors", ()) if factor in LimitingFactor.__members__]
        self._limits = ui.select(
            dict(LIMITING_FACTOR), label="限制因素（可空，可多选）", value=known, multiple=True, on_change=self._typed
        ).props(f"{FIELD} options-dense")

    def _money_field(self, label: str, value: Any) -> ui.number:
        field = ui.number(label, value=value, precision=0, on_change=self._typed)
        return field.props(f"{FIELD} input-class=text-right")

    # ---- what it says ---------------------------------------------------------------------------------------------

    @property
    def outcome(self) -> str:
        """The chosen outcome, or `SURVEY`."""
        return str(self._outcome.value)

    @property
    def rationale(self) -> str:
        """The reviewer's words, kept at the desk."""
        return self._rationale.value or ""

    @property
    def survey_within(self) -> timedelta:
        """How soon somebody has to have gone and looked."""
        return timedelta(hours=self._survey.value)

    @property
    def unit_price(self) -> int | None:
        """The price in yuan per m²: by the comparables, or as typed."""
        if self._method.value == COMPARISON:
            return self._sheet.unit_price
        price = self._unit_price.value
        return int(price) if price is not None and not price_slip(price) else None

    @property
    def slip(self) -> str:
        """What is typed and cannot be meant, of the price and of the comparables; empty when all is well."""
        if self.outcome != ReviewOutcome.VALUE:
            return ""
        price = "" if self._method.value == COMPARISON else price_slip(self._unit_price.value)
        return "\n".join(part for part in (price, self._sheet.problem) if part)

    def conclusion(self, confirmed_community_id: str | None) -> Conclusion:
        """Return what the fields say; whether it is complete is judged by the rules, not here."""
        outcome = ReviewOutcome(self.outcome)
        valued = outcome is ReviewOutcome.VALUE
        because = self._because.value
        return Conclusion(
            outcome=outcome,
            rationale=self.rationale,
            unit_price=self.unit_price if valued else None,
            lower=_whole(self._lower.value) if valued else None,
            upper=_whole(self._upper.value) if valued else None,
            comparable_ids=self._sheet.taken if valued else (),
            few_comparables_because=self._few.value or None,
            deviation_because=DeviationReason(because) if because and valued else None,
            confirmed_community_id=confirmed_community_id,
            limiting_factors=tuple(LimitingFactor(factor) for factor in self._limits.value) if valued else (),
            comparison=self._sheet.edits if valued else (),
        )

    def draft(self) -> dict[str, Any]:
        """Return the fields as they are, to be kept."""
        return {
            "outcome": self.outcome,
            "method": self._method.value,
            "unit_price": _whole(self._unit_price.value),
            "lower": _whole(self._lower.value),
            "upper": _whole(self._upper.value),
            "deviation_because": self._because.value,
            "few_comparables_because": self._few.value,
            "limiting_factors": list(self._limits.value),
            "rationale": self.rationale,
            "survey_hours": self._survey.value,
        }

    # ---- what changes it ------------------------------------------------------------------------------------------

    def choose(self, outcome: str) -> None:
        """Choose an outcome, if the task may end so."""
        if outcome in self._outcome.options:
            self._outcome.value = outcome

    def open_outcomes(self) -> None:
        """Put the cursor into the outcomes, with their list open."""
        self._outcome.run_method("focus")
        self._outcome.run_method("showPopup")

    def by_comparables(self) -> None:
        """Let the price follow the comparables."""
        if self._case.comparables:
            self._method.value = COMPARISON

    def focus_price(self) -> None:
        """Put the cursor into the price."""
        self._unit_price.run_method("focus")

    def focus_rationale(self) -> None:
        """Put the cursor into the grounds."""
        self._rationale.run_method("focus")

    def show(self, violations: Sequence[Violation]) -> None:
        """Say what is missing, each with its field."""
        self._problems.text = "\n".join(f"✗ {violation.message}" for violation in violations)
        if any(one.field == "deviation_because" for one in violations):
            self._because.visible = True

    def refuse(self, why: str) -> None:
        """Say why nothing was submitted."""
        self._problems.text = why

    def follow_sheet(self) -> None:
        """The comparables have changed."""
        self._refresh()

    def freeze(self) -> None:
        """The task is no longer ours: nothing can be entered any more, everything stays to be read and copied."""
        self._box.props("inert").style("opacity: .75")

    def wait(self, *, is_waiting: bool) -> None:
        """A command is on its way: the button shows it and takes no second press."""
        self._submit.props(**({"add": "loading"} if is_waiting else {"remove": "loading"}))

    def _price_typed(self) -> None:
        """Somebody who types another price than the comparables give means to give it directly."""
        price = self._unit_price.value
        if price is not None and price != self._sheet.unit_price:
            self._method.value = DIRECT
        self._changed()

    def _changed(self) -> None:
        self._refresh()
        self._on_change()

    def _typed(self) -> None:
        self._problems.text = ""
        self._on_change()

    def _refresh(self) -> None:
        self._money.visible = self.outcome == ReviewOutcome.VALUE
        self._explained.text = EXPLAINED.get(self.outcome, "")
        self._survey.visible = self.outcome == SURVEY
        self._explained.visible = bool(self._explained.text)
        self._few.visible = len(self._sheet.taken) < FEWEST_COMPARABLES
        self._problems.text = ""
        price = self.unit_price
        if self._method.value == COMPARISON and self._unit_price.value != price:
            self._unit_price.value = price
        self._total.text = "总价 —" if price is None else wan(total(price, self._case.subject.area_m2))
        self._tell_deviation(price)

    def _tell_deviation(self, price: int | None) -> None:
        model = self._case.model
        slip = "" if self._method.value == COMPARISON else price_slip(self._unit_price.value)
        if model is None or price is None:
            self._deviation.text = slip
            self._deviation.classes(replace="num bad")
            return
        far = is_far(price, model.unit_price, self._policy.deviation_needs_reason)
        self._deviation.text = deviation_text(price, model.unit_price, is_far=far)
        self._deviation.classes(replace=f"num {'warn' if far else 'soft'}")
        self._because.props(f'label="偏离模型的原因{"（必填）" if far else "（可空）"}"')


def price_slip(value: float | None) -> str:
    """Why a typed unit price in yuan per m² cannot be meant; empty when it can, or when none is typed."""
    if value is None:
        return ""
    if value != int(value):
        return "✗ 单价须为整数（元/㎡）"
    return "" if 0 < value <= _HIGHEST else f"✗ 单价须在 1 至 {_HIGHEST:,} 元/㎡ 之间，请核对是否误填了总价"


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
