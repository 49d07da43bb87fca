"""人员与权限: who works at the desk, as what, and what speaks against giving them tasks today."""

from asyncio import to_thread
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import Row, WalkedTable
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.eligibility import MAINLAND, OPERATOR, REVIEWING, why_no_task
from consumers.review_desk.people.sessions import today
from consumers.review_desk.people.staff import Family, Grade, Person, Queue, Role
from consumers.review_desk.people.staff_file import cells_of, read_cells
from consumers.review_desk.regions import Region
from consumers.review_desk.words import FAMILY, PROPERTY_CLASS, REGION, ROLE, queue_said

_LABELS: Final = {
    "username": "用户名",
    "name": "姓名",
    "grade": "等级",
    "roles": "岗位",
    "regions": "区域",
    "main_queue": "主技能队列",
    "skills": "技能（1 可尝试 … 3 能独立 … 5 可带教）",
    "employer": "用工单位",
    "site": "场所",
    "hired_on": "入职日期",
    "certified_until": "证书有效期至",
    "conflicts": "需回避的小区编号（;分隔）",
    "is_active": "状态",
    "signing_no": "签字编号（空：自动编号）",
}
_QUEUES: Final = {
    str(queue): queue_said(str(queue))
    for queue in (Queue(region=r, property_class=c) for r in Region for c in PROPERTY_CLASS)
}
_LEVELS: Final = range(1, 6)
_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "grade": {grade: grade for grade in Grade},
    "roles": dict(ROLE),
    "regions": dict(REGION),
    "main_queue": {"": "（无）", **_QUEUES},
    "skills": {
        f"{code}={level}": f"{said} {level} 级"
        for code, said in (*FAMILY.items(), *_QUEUES.items())
        for level in _LEVELS
    },
    "employer": {OPERATOR: "本项目运营方", "other": "其他单位"},
    "site": {MAINLAND: "境内", "abroad": "境外"},
    "is_active": {"true": "在用", "false": "停用"},
}
_SEVERAL: Final = frozenset({"roles", "regions", "skills"})
_COLUMNS: Final = [
    {"name": name, "label": label, "field": name, "align": "left"}
    for name, label in (
        ("username", "用户名"),
        ("name", "姓名"),
        ("grade", "等级"),
        ("roles", "岗位"),
        ("regions", "区域"),
        ("main_queue", "主技能队列"),
        ("skills", "技能"),
        ("certified_until", "证书至"),
        ("conflicts", "回避"),
        ("state", "派件"),
    )
]
_STATE_CELL: Final = """
    <q-td :props="props" :class="props.row.can_work ? 'good' : 'soft'" style="white-space: normal">
    {{ props.value }}</q-td>
"""


def add_staff(office: Office) -> None:
    """Register the page."""

    @ui.page("/staff")
    async def staff(request: Request) -> None:
        person: Person = request.state.person
        page = StaffPage(office, person)
        await page.refresh()


class StaffPage:
    """One browser's view of the register. Who may edit all of it opens the form; a supervisor, the conflicts alone."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, still empty."""
        self._office, self._person = office, person
        self._edits_all = may(person, Permission.EDIT_STAFF)
        self._edits_conflicts = may(person, Permission.EDIT_CONFLICTS)
        keys = Keys()
        with frame(office, person, "人员与权限"), ui.element("main").classes("page"), panel("人员") as title:
            with title:
                ui.label(self._hint()).classes("soft").style("font-weight: 400")
                if self._edits_all:
                    add = ui.button("新增人员 N", on_click=self._add)
                    add.props("dense no-caps unelevated data-testid=add-person")
            self._table = WalkedTable(_COLUMNS, empty="尚无人员", name="staff", open_row=self._open)
            self._table.table.add_slot("body-cell-state", _STATE_CELL)
        self._table.walked_by(keys, enter="修改选中的人员")
        if self._edits_all:
            keys.add("n", "新增人员", self._add)
        keys.listen()

    async def refresh(self) -> None:
        """Show the register as it is."""
        self._people = {one.username: one for one in await to_thread(self._office.staff.people)}
        on = today(self._office.clock())
        self._table.show([row_of(one, why_no_task(one, on)) for one in self._people.values()])

    def _hint(self) -> str:
        if self._edits_all:
            return "J / K 选择，回车修改；变更即时生效并记入审计，权限变化会使其重新登录"
        return "J / K 选择，回车维护回避关系；其余由系统管理员维护" if self._edits_conflicts else "仅供查看"

    async def _open(self, row: Row) -> None:
        person = self._people.get(row["id"])
        if person is not None and (self._edits_all or self._edits_conflicts):
            fields = tuple(_LABELS) if self._edits_all else ("conflicts",)
            await self._edit(f"{person.name}（{person.username}）", cells_of(person), fields, person)

    async def _add(self) -> None:
        fresh = cells_of(Person(username="", name="", grade=Grade.G1, roles=frozenset({Role.REVIEWER})))
        fresh["hired_on"] = today(self._office.clock()).isoformat()
        await self._edit("新增人员", fresh, tuple(_LABELS), None)

    async def _edit(self, title: str, cells: Mapping[str, str], shown: tuple[str, ...], before: Person | None) -> None:
        with ui.dialog() as dialogue, ui.card().style("width: 720px; max-width: 94vw; gap: 8px"):
            ui.label(title).style("font-weight: 600")
            with ui.element("div").style("display: grid; grid-template-columns: 1fr 1fr; gap: 8px; width: 100%"):
                inputs = {name: _input(name, cells[name]) for name in shown}
            for name in ("username", "signing_no") if before is not None else ():
                if name in inputs and cells[name]:  # neither is ever changed: reports and the audit name them
                    inputs[name].props("readonly")
            problem = ui.label("").classes("bad").style("min-height: 20px").props("role=alert")

            async def keep() -> None:
                values, problems = read_cells({**cells, **{name: _cell(box.value) for name, box in inputs.items()}})
                doubled = skills_twice(_cell(inputs["skills"].value)) if "skills" in inputs else ()
                if doubled:
                    problems["skills"] = f"{'、'.join(map(skill_said, doubled))}选了两个等级"
                if before is None and values.get("username") in self._people:
                    problems["username"] = "已有此用户名"
                problem.text = "；".join(f"{_LABELS[name]}：{why}" for name, why in problems.items())
                if not problems and await told(to_thread(self._office.staff.put, Person(**values), self._person)):
                    dialogue.submit(True)

            with ui.element("div").classes("row").style("justify-content: flex-end; width: 100%"):
                ui.button("取消", on_click=lambda: dialogue.submit(None)).props("flat dense no-caps")
                ui.button("保存", on_click=keep).props("unelevated dense no-caps data-testid=keep")
        try:
            if await dialogue:
                ui.notify("已保存", type="positive", position="top")
        finally:
            dialogue.delete()
        await self.refresh()


def row_of(person: Person, objection: str | None) -> Row:
    """The cells of somebody. `objection`: why they get no task today."""
    cells = cells_of(person)
    is_reviewer = person.has(*REVIEWING)
    return cells | {
        "id": person.username,
        "roles": "、".join(ROLE[role] for role in Role if role in person.roles) or "—",
        "regions": "全部" if person.regions == frozenset(Region) else "、".join(REGION[one] for one in person.regions),
        "skills": "、".join(f"{skill_said(code)} {level}" for code, level in sorted(person.skills.items())) or "—",
        "main_queue": skill_said(person.main_queue) if person.main_queue else "—",
        "certified_until": cells["certified_until"] or "—",
        "conflicts": str(len(person.conflicts) or "—"),
        "can_work": objection is None,
        "state": "● 可派件" if objection is None else f"○ {objection}" if is_reviewer or not person.is_active else "—",
    }


def skill_said(code: str) -> str:
    """A skill in words: 地址疑难, or 长三角·住宅."""
    return FAMILY[code] if code in set(Family) else queue_said(code)


def skills_twice(cell: str) -> tuple[str, ...]:
    """The skills for which `ADDRESS=3;ADDRESS=4` names several levels."""
    codes = [part.partition("=")[0] for part in cell.split(";") if part]
    return tuple(dict.fromkeys(code for code in codes if codes.count(code) > 1))


def _input(name: str, cell: str) -> Any:
    choices = _CHOICES.get(name)
    label = _LABELS[name]
    box: ui.input | ui.select
    if choices is None:
        box = ui.input(label, value=cell)
    elif name in _SEVERAL:
        value = [part for part in cell.split(";") if part]
        box = ui.select(dict(choices), label=label, value=value, multiple=True, with_input=name == "skills")
        box.props("use-chips options-dense")
    else:
        known = dict(choices) if cell in choices else {cell: cell, **choices}
        box = ui.select(known, label=label, value=cell).props("options-dense")
    return box.props(f"{FIELD} data-testid=staff-{name}").style("width: 100%")


def _cell(value: Any) -> str:
    return ";".join(value) if isinstance(value, list) else str(value or "")
