"""What the gateway answered, as a message of a few lines."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from producers.wechat.dialogue import Choice, Talk, question
from schemas.domain.worktime import SHANGHAI

LATER: Final = "已受理，正在估值，结果稍后通知您。回复“查询”可随时查看进度。"
BUSY: Final = "当前访问人数较多，您的内容尚未受理，请稍后重新发送。"
NOTHING_ASKED: Final = "您还没有提交过估值。请发送房屋地址和建筑面积，例如：杭州市西湖区某某小区3幢 89.5平"
TEXT_ONLY: Final = "目前只能识别文字。请发送房屋地址和建筑面积，例如：杭州市西湖区某某小区3幢 89.5平"
CANCELLED: Final = "该笔估值已撤销。需要时请重新发送地址和面积。"
CANCELLING: Final = "撤销申请已提交，稍后告知结果。"
NOT_CANCELLED: Final = "该笔估值已办结，不能撤销。回复“查询”查看结果。"
QUOTA: Final = "您今天的查询次数已用完，请明天再试。"
_ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UNABLE_TO_VALUE": "现有市场依据不足，暂时无法估值。可核对地址和面积后重新发送，或联系客户经理。",
        "OUT_OF_COVERAGE": "房屋所在地区尚未开通估值服务。若地址有误，请重新发送。",
        "NOT_ELIGIBLE": "仅受理可上市交易的商品房，该房屋不在服务范围。",
        "FAILED": "处理未能完成，请稍后重新发送。",
        "CANCELLED": CANCELLED,
        "EXPIRED": "未在规定时间内确认地址，申请已失效，请重新发送。",
    }
)


def told(view: Mapping[str, Any]) -> str:
    """The answer in words."""
    status = str(view["status"])
    if view.get("value"):
        return _value(view)
    if status == "NEEDS_CLARIFICATION":
        talk = asking(view)
        return question(talk) if talk.choices else str(view.get("question") or "请补充小区、楼栋或房号后重新发送。")
    if status == "PENDING_MANUAL":
        return _pending(view)
    if not view.get("final"):
        return LATER
    return str(_ENDS.get(status) or view.get("reason_text") or view.get("status_text") or "处理结束。")


def asking(view: Mapping[str, Any]) -> Talk:
    """The talk that goes on with the question of an answer; without choices where it asks nothing."""
    choices = tuple(
        Choice(community_id=one["community_id"], name=one["name"], place=f"{one['city']}{one['district']}")
        for one in view.get("candidates") or ()
    )
    return Talk(valuation_id=str(view["valuation_id"]), choices=choices) if choices else Talk()


def refused(problem: Mapping[str, Any]) -> str:
    """Why a request was not taken, field by field where that is known."""
    lines = [str(one["message"]) for one in problem.get("problems") or ()]
    return "未能受理：\n" + "\n".join(lines or [str(problem.get("detail_zh") or "请核对后重新发送。")])


def disputing(valuation_id: str | None) -> str:
    """How another opinion is asked for."""
    number = f"，并提供估值编号 {valuation_id}" if valuation_id else ""
    how = f"对估值结果有异议的，请通过经办客户经理或手机银行提出复估{number}。"
    return how + "复估由其他估价人员独立完成，一个工作日内答复。"


def _value(view: Mapping[str, Any]) -> str:
    community = (view.get("address") or {}).get("community_name")
    lines = [f"估值小区：{community}"] if community else []
    lines.append(f"估值结果：{_ten_thousands(view['value'])} 万元")
    if view.get("lower") and view.get("upper"):
        lines.append(f"价格区间：{_ten_thousands(view['lower'])} – {_ten_thousands(view['upper'])} 万元")
    if view.get("confidence_text"):
        lines.append(f"可信程度：{view['confidence_text']}")
    if view.get("valid_until"):
        lines.append(f"有效期至：{view['valid_until']}")
    if view.get("report"):
        lines.append(f"报告编号：{view['report']['report_no']}")
    return "\n".join([*lines, "", str(view.get("disclaimer", ""))]).strip()


def _pending(view: Mapping[str, Any]) -> str:
    lines = ["这套房屋需要估价人员核实，办结后通知您。"]
    if view.get("due_at"):
        due = datetime.fromisoformat(view["due_at"]).astimezone(SHANGHAI)
        lines.append(f"最迟办结：{due.month}月{due.day}日 {due:%H:%M}")
    if view.get("queue_position"):
        lines.append(f"当前排队：第 {view['queue_position']} 位")
    return "\n".join([*lines, "回复“取消”可撤销。"])


def _ten_thousands(yuan: int) -> str:
    return f"{yuan / 10_000:,.1f}".removesuffix(".0")
