"""What a second person sees of a first opinion, and the two things they may do with it: approve, or send it back."""

from asyncio import to_thread
from typing import Final

from nicegui import ui

from consumers.review_desk.deciding.approving import Approval
from consumers.review_desk.deciding.decision import IncompleteDecisionError
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import Answers, Field, ask, told
from consumers.review_desk.pages.frame import facts
from consumers.review_desk.pages.keys import Does
from consumers.review_desk.pages.written import day_and_time, or_dash, share, wan, yuan
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import TaskUnavailableError
from consumers.review_desk.words import DEVIATION, LIMITING_FACTOR, OUTCOME, said

APPROVED: Final = "已通过，结论已发出"
SENT_BACK: Final = "已退回估值人，时限不变"


def show_first(one: Approval, author: str) -> None:
    """A first opinion, with its difference to the model and why it needs a second person. `author`: by name."""
    first, said_of = one.first, one.first.conclusion
    facts(
        ("地址", one.task.address, "wide"),
        ("结果", said(OUTCOME, said_of.outcome)),
        ("估值人", f"{author} · {first.grade}"),
        ("单价", "—" if said_of.unit_price is None else f"{yuan(said_of.unit_price)} 元/㎡"),
        ("总价", wan(one.value)),
        ("模型单价", "不显示" if one.task.blind else or_dash(one.model_unit_price and yuan(one.model_unit_price))),
        ("较模型", move_text(one)),
        ("须复核", first.because, "wide"),
        ("偏离原因", said(DEVIATION, said_of.deviation_because), "wide"),
        ("可比实例", f"{len(said_of.comparable_ids)} 例 {said_of.few_comparables_because or ''}", "wide"),
        ("限制因素", "、".join(said(LIMITING_FACTOR, each) for each in said_of.limiting_factors) or "—", "wide"),
        ("指引版本", first.guideline_version),
        ("提交", day_and_time(first.submitted_at)),
    )
    ui.label("判断依据").classes("soft").style("margin-top: 4px")
    ui.label(said_of.rationale).style("white-space: pre-wrap").props("data-testid=first-rationale")


def show_verdicts(approve: Does, send_back: Does) -> None:
    """The two buttons."""
    for text, key, does, look in (("通过", "Y", approve, "unelevated"), ("退回", "N", send_back, "outline")):
        with ui.button(on_click=does).props(f"{look} dense no-caps data-testid={key}").style("padding: 0 12px"):
            ui.html(f"{text}<kbd>{key}</kbd>", sanitize=False)


async def approve(office: Office, person: Person, one: Approval) -> bool:
    """Put a second name beside it. Returns whether it was done; a refusal is shown."""
    task = one.task
    return await told(to_thread(office.decisions.approve, task.task_id, person, version=task.version))


async def send_back(office: Office, person: Person, one: Approval) -> bool:
    """Ask for a remark, and give the case back to its author. Returns whether it was done."""

    async def does(answers: Answers) -> None:
        sending = to_thread(
            office.decisions.send_back,
            one.task.task_id,
            person,
            answers["remark"],
            version=one.task.version,
            unit_price=price_of(answers["unit_price"]),
        )
        try:
            await sending
        except IncompleteDecisionError as error:
            why = "；".join(violation.message for violation in error.violations)
            raise TaskUnavailableError(why, one.task) from None

    answers = await ask(
        "退回估值人",
        Field("remark", "退回原因（估值人可见，仅内部留存）", long=True),
        Field("unit_price", "本人意见单价 元/㎡（可空；相差过大时转合议）", required=False),
        confirm="退回",
        does=does,
    )
    return answers is not None


def move_text(one: Approval) -> str:
    """How far the first opinion lies from the model, with its direction; a dash where that is not to be seen."""
    price, model = one.first.conclusion.unit_price, one.model_unit_price
    return "—" if not price or not model else share(price / model - 1)


def price_of(text: str | None) -> int | None:
    """The digits of a price as typed (`40,500`); `None` where there are none."""
    digits = "".join(character for character in text or "" if character.isdigit())
    return int(digits) if digits else None
