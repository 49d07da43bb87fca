"""The evidence of a case, as panels: what was asked, what the address means, what the model said, what is known."""

from typing import Final

from nicegui import ui

from consumers.review_desk.deciding.case import Case, ModelOpinion
from consumers.review_desk.deciding.history import Earlier, Nearness
from consumers.review_desk.pages.frame import facts, panel
from consumers.review_desk.pages.written import day_and_time, or_dash, share, wan, yes_or_no, yuan
from consumers.review_desk.words import (
    FACTOR,
    LIMITING_FACTOR,
    LOAN_STAGE,
    MATCH_LEVEL,
    OUTCOME,
    PROPERTY_TAG,
    PROPERTY_TYPE,
    REASON,
    TRADABILITY,
    said,
)
from schemas.codes import VerificationOutcome
from schemas.domain.texts import VERIFICATION_OUTCOME_TEXTS, source_text
from schemas.events import Candidate, VerificationCheck

AS_RESOLVED: Final = ""  # the choice "as the machine read it": a radio's choices are never empty
_SIGN: Final = {
    VerificationOutcome.CONFIRMED: "✓",
    VerificationOutcome.MISMATCH: "✗",
    VerificationOutcome.NOT_FOUND: "✗",
    VerificationOutcome.UNVERIFIABLE: "？",
}
_DOUBTFUL: Final = frozenset({VerificationOutcome.MISMATCH, VerificationOutcome.NOT_FOUND})
_CERTIFICATE: Final = {None: "未提供", True: "✓ 一致", False: "✗ 不一致"}
_NEARNESS: Final = {Nearness.UNIT: "本户", Nearness.BUILDING: "本楼", Nearness.COMMUNITY: "本小区"}
_SURE: Final = 0.9


def show_asked(case: Case) -> None:
    """Why a person is asked, the house, and both addresses."""
    house = case.subject
    with panel("申请与房屋", 1) as title:
        with title:
            if case.task.blind:
                ui.label("盲评任务").classes("chip").props("data-testid=blind")
            else:
                ui.label(f"优先级 {case.task.priority}").classes("chip calm")
        with ui.element("div").style("display: flex; flex-wrap: wrap; gap: 4px; margin-bottom: 4px"):
            for reason in case.task.reasons:
                ui.label(said(REASON, reason)).classes("chip")
            for tag in case.tags:
                ui.label(f"登记：{said(PROPERTY_TAG, tag)}").classes("chip calm")
        facts(
            ("填写地址", house.address_entered, "wide"),
            ("标准地址", house.address or "—", "wide"),
            ("幢/单元/室", " ".join(part or "—" for part in (house.building, house.unit, house.room)), "wide"),
            ("建筑面积", f"{house.area_m2:,.2f} ㎡"),
            ("类型", said(PROPERTY_TYPE, house.property_type)),
            ("楼层", f"{or_dash(house.floor)} / {or_dash(house.total_floors)}"),
            ("户型", f"{or_dash(house.rooms)}室{or_dash(house.halls)}厅"),
            ("建成", or_dash(house.built_year, "年")),
            ("电梯", yes_or_no(house.has_lift)),
            ("结构", or_dash(house.structure)),
            ("装修", or_dash(house.renovation)),
            ("可交易性", said(TRADABILITY, house.tradability)),
            ("受理", day_and_time(case.received_at)),
            ("价值时点", house.value_date.isoformat(), "wide"),
            ("业务阶段", said(LOAN_STAGE, house.loan_stage), "wide"),
            ("产权证号", _CERTIFICATE[case.certificate_matches], "wide"),
        )


def show_verification(case: Case) -> None:
    """房屋信息核验: the outcome and every check with its source; nothing where the channel asked for none."""
    found = case.verification
    if found is None:
        return
    with panel("房屋信息核验"):
        ui.label(f"{_SIGN[found.outcome]} {VERIFICATION_OUTCOME_TEXTS[found.outcome]}").classes(
            "warn" if found.outcome in _DOUBTFUL else ""
        ).props("data-testid=verification")
        for check in found.checks:
            ui.label(f"{_SIGN[check.outcome]} {check.text}").classes("warn" if check.outcome in _DOUBTFUL else "soft")
            if (evidence := evidence_of(check)) is not None:
                ui.label(f"　依据：{evidence}").classes("soft num").props("data-testid=verification-evidence")
        if found.synthetic:
            ui.label("⚠ 含合成数据").classes("warn")


def evidence_of(check: VerificationCheck) -> str | None:
    """`房产登记 c-1|3|2|501（2026-11-20）`; nothing where no source told of the fact."""
    if check.source is None:
        return None
    day = "" if check.known_on is None else f"（{check.known_on.isoformat()}）"
    return f"{source_text(check.source)} {check.evidence or ''}".rstrip() + day


def show_candidates(case: Case, chosen: str | None) -> ui.radio:
    """How the address was read and why that is uncertain, with its candidates to confirm one of."""
    house = case.subject
    with panel("地址识别与候选小区"):
        sign = "✓" if house.probability >= _SURE and not case.community_is_open else "⚠"
        ui.label(f"{sign} {said(MATCH_LEVEL, house.match_level)}，把握 {house.probability:.0%}").classes("num")
        doubts = [said(REASON, concern) for concern in case.concerns if concern.startswith(("ADDR", "VERIFY", "AREA"))]
        if doubts:
            ui.label("疑点：" + "、".join(doubts)).classes("warn")
        first = "无法确认" if case.community_is_open else f"按识别结果：{or_dash(house.community)}"
        choices = {AS_RESOLVED: first, **{one.community_id: candidate_text(one) for one in case.candidates}}
        radio = (
            ui.radio(choices, value=chosen if chosen in choices else AS_RESOLVED)
            .props("dense data-testid=community size=xs")
            .style("display: grid; gap: 0")
        )
        ui.label("确认后，今后同样写法的小区名按此识别。").classes("soft")
    return radio


def candidate_text(candidate: Candidate) -> str:
    """`翠苑三区（西湖区）97%`."""
    return f"{candidate.name}（{candidate.district}）{candidate.probability:.0%}"


def show_model(case: Case) -> None:
    """Value, interval and what moved it; of a blind case only that it is one."""
    model = case.model
    with panel("模型意见", 2):
        if case.task.blind:
            ui.label("盲评任务").classes("figure")
            ui.label("不显示模型结果、历史结论和他人意见，请独立判断。").classes("soft")
        elif model is None:
            ui.label("⚠ 模型没有给出估值，结论须经双人复核").classes("warn")
        else:
            _show_model(model)


def _show_model(model: ModelOpinion) -> None:
    with ui.element("div").style("display: flex; align-items: baseline; gap: 8px"):
        ui.label(wan(model.value)).classes("figure").props("data-testid=model-value")
        ui.label(f"{yuan(model.unit_price)} 元/㎡").classes("num soft")
    facts(
        (f"{model.interval_coverage:.0%}区间", f"{wan(model.lower)} ~ {wan(model.upper)}", "wide"),
        ("置信度", f"{model.confidence} / 100"),
        ("±10%内", f"{model.p10:.0%}"),
        ("比较法", wan(model.comparison_value), "wide"),
        *([("收益法", wan(model.income_value), "wide")] if model.income_value is not None else []),
        ("资料截至", f"{model.data_as_of} · {model.model_version}", "wide"),
    )
    for factor in model.limiting_factors:
        ui.label(f"⚠ {said(LIMITING_FACTOR, factor)}").classes("warn")
    with ui.element("div").style("display: grid; grid-template-columns: 1fr max-content; gap: 0 8px"):
        ui.label("小区同期典型单价").classes("soft")
        ui.label(f"{model.base_unit_price:,}").classes("num right")
        for driver in model.drivers:
            ui.label(driver.text or said(FACTOR, driver.factor))
            sign = "▲" if driver.unit_price_change >= 0 else "▼"
            ui.label(f"{sign} {driver.unit_price_change:+,}（{share(driver.share)}）").classes("num right")


def show_history(case: Case) -> None:
    """Earlier decisions on the house, its building and its community."""
    if case.task.blind:
        ui.label("盲评任务不显示历史结论。").classes("soft")
    elif not case.earlier:
        ui.label("本户、本楼、本小区在本复核台没有历史结论。").classes("soft")
    else:
        with ui.element("table").classes("sheet"), ui.element("tbody"):
            for one in case.earlier:
                with ui.element("tr"):
                    for text, classes in _earlier_cells(one):
                        with ui.element("td").classes(classes):
                            ui.label(text)


def _earlier_cells(one: Earlier) -> tuple[tuple[str, str], ...]:
    price = "—" if one.unit_price is None else f"{yuan(one.unit_price)} 元/㎡"
    return (
        (_NEARNESS[one.nearness], ""),
        (one.decided_at.date().isoformat(), "num"),
        ("复估" if one.is_dispute else "估值", ""),
        (said(OUTCOME, one.outcome), ""),
        (price, "num right"),
        (f"{one.area_m2:,.2f} ㎡", "num right"),
        (one.address, ""),
    )


def show_guidelines(case: Case) -> None:
    """The guidelines for this case, the parts that matter first."""
    if not case.guidelines:
        ui.label("没有针对本案的指引；通用指引见“指引与公告”。").classes("soft")
    for guideline in case.guidelines:
        with (
            ui.expansion(guideline.title, value=len(case.guidelines) == 1)
            .props("dense dense-toggle")
            .style("width: 100%")
        ):
            ui.markdown(guideline.text)
