"""The Chinese words of audit lines. A code without a word is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from consumers.review_desk.words import KIND, OUTCOME, REASON, STATE, said
from infra.postgres.audit_check import Defect, Fault

ACTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ROUTED": "进入复核台",
        "EVIDENCE_REPLACED": "资料更新",
        "CANCELLED_BY_CHANNEL": "渠道撤销",
        "REPLY_IN": "渠道已答复",
        "UNPARK": "开工",
        "OFFER": "派件",
        "OFFER_EXPIRED": "派件过期",
        "ACCEPT": "接受派件",
        "REFUSE": "拒绝派件",
        "CLAIM": "领取",
        "HAND_BACK": "交回",
        "RELEASE": "退回公共池",
        "LEASE_LAPSED": "处理时限已到，退回队列",
        "HOLD": "挂起",
        "HOLD_OVER": "挂起到期",
        "RESUME": "恢复处理",
        "RENEW": "延长时限",
        "TRANSFER": "转交",
        "TO_GROUP": "转组",
        "CONSULT": "征询同事",
        "CONSULTED": "答复征询",
        "NOTE": "添加备注",
        "LOOK": "查看",
        "SEARCH": "查询",
        "VERIFY": "核验",
        "REFUSED": "越权被拒",
        "SUBMIT": "提交复核",
        "DECIDE": "作出结论",
        "PUBLISHED": "对外发布事件",
        "APPROVE": "复核通过",
        "SEND_BACK": "复核退回",
        "DISAGREE": "复核意见相左",
        "SEAT": "安排合议席位",
        "SEAT_CLOSED": "撤去合议席位",
        "RESEAT": "更换合议席位",
        "NAME_CHAIR": "指定主持人",
        "OPINION": "提交合议意见",
        "OPENED": "合议启封",
        "CONCLUDE": "合议办结",
        "PANEL_DECIDE": "合议结论",
        "CLARIFY": "请渠道确认",
        "RETURN_TO_AUTO": "退回自动估值",
        "ORDER_SURVEY": "申请勘察",
        "REPORT_SURVEY": "勘察回报",
        "ORDER_RAISED": "工单提出",
        "ORDER_ACCEPT": "受理工单",
        "ORDER_ANSWER": "答复工单",
        "ORDER_APPROVE": "工单答复复核通过",
        "ORDER_SEND_BACK": "工单答复退回",
        "ORDER_REASSIGN": "工单改派",
        "ORDER_ESCALATED": "工单超时升级",
        "WATCH": "班长旁看",
        "SEIZE": "班长接管",
        "REASSIGN": "班长改派",
        "FORCE_RELEASE": "班长退回队列",
        "HAND_OVER": "离岗交接",
        "CALL_PANEL": "班长召集合议",
        "SET_PRIORITY": "调整优先级",
        "SET_STATE": "调整人员状态",
        "PAUSE_QUEUE": "暂停派单",
        "RESUME_QUEUE": "恢复派单",
        "HOLD_SEGMENT": "暂停板块自动估值",
        "BROADCAST": "发通知",
        "PUT_SHIFT": "排定班次",
        "REMOVE_SHIFT": "取消班次",
        "ASK_SWAP": "申请调班",
        "DECIDE_SWAP": "处理调班申请",
        "AT_RISK": "时限预警",
        "ESCALATED": "超时升级",
        "PROGRESS_TOLD": "告知渠道进度",
        "SAMPLE_DRAWN": "抽检自动结果",
        "SECOND_READING_DRAWN": "抽取人工复读",
        "KNOWN_ANSWER_PLANTED": "投放已知答案",
        "PATTERN_FOUND": "发现异常聚集",
        "PATTERN_CLOSED": "关闭异常聚集事件",
        "EXPORTED": "导出",
        "PRESENCE": "状态变化",
        "LOGGED_IN": "登录",
        "LOGGED_OUT": "退出",
        "LOG_IN_FAILED": "登录失败",
        "LOG_IN_REFUSED": "登录被拒",
        "PASSWORD_SET": "设置密码",
        "STAFF_ADDED": "新增人员",
        "STAFF_CHANGED": "变更人员",
        "PUBLISH_GUIDELINE": "发布指引",
        "WITHDRAW_GUIDELINE": "停用指引",
        "PUBLISH_BULLETIN": "发布公告",
        "WITHDRAW_BULLETIN": "撤回公告",
        "READ_BULLETIN": "确认已阅",
    }
)
FAULT: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.CHANGED: "该行内容被改动，与其摘要不符",
        Fault.GAP: "该行之前缺失一行或多行",
        Fault.BROKEN_LINK: "该行之前的记录不是原来那一行",
        Fault.CUT: "链条末尾缺失或被替换",
        Fault.BEYOND_END: "该行在登记的末尾之后，系外部插入",
        Fault.SEALED_LINE_MISSING: "已封存的记录缺失：末尾被截断或整链被删",
        Fault.SEALED_LINE_DIFFERS: "已封存的记录被改写",
        Fault.SEAL_CHANGED: "封存记录或其覆盖范围被改动",
        Fault.SEAL_GAP: "该封存之前缺失一条或多条封存",
        Fault.SEAL_BROKEN_LINK: "该封存之前不是原来那一条封存",
        Fault.SEAL_MISSING: "登记过的封存缺失",
        Fault.FILE_CHANGED: "文件与清单不符",
    }
)
_DETAIL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "task_id": "任务",
        "kind": "任务类别",
        "state": "变更后状态",
        "from": "变更前状态",
        "version": "任务版本",
        "outcome": "结果",
        "unit_price": "单价（元/㎡）",
        "guideline_version": "指引版本",
        "rules_version": "规则版本",
        "model_version": "模型版本",
        "reason": "原因",
        "reasons": "转人工原因",
        "reviewer": "处理人",
        "share": "时限已用",
        "escalated_to": "升级至",
        "is_breach": "已超时",
        "day": "日期",
        "photos": "照片数",
        "seat": "席位",
        "spread": "离散度",
        "basis": "答案来源",
        "bulletin_id": "公告",
        "due_at": "时限",
        "username": "账号",
        "address": "来源地址",
        "method": "登录方式",
        "because": "理由",
        "why": "说明",
        "command": "操作",
        "wanted": "所需权限",
        "author": "原估值人",
        "to": "转给",
        "group": "目标组",
        "subject": "对象",
        "text": "内容",
        "event": "事件",
        "event_id": "事件编号",
        "sha256": "事件摘要（SHA-256）",
        "screen_hash": "屏幕摘要",
        "screen": "屏幕摘要",
    }
)
_CODED: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"state": STATE, "from": STATE, "outcome": OUTCOME, "kind": KIND}
)


def told(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of what a line tells, those that have a word first."""
    known = [name for name in _DETAIL if name in details]
    rest = sorted(name for name in details if name not in _DETAIL)
    return [(_DETAIL.get(name, name), _value(name, details[name])) for name in (*known, *rest)]


def blamed(defect: Defect) -> str:
    """A defect in words."""
    place = f"封存第 {defect.sequence} 条" if defect.subject == "seal" else f"{defect.subject} 第 {defect.sequence} 行"
    return f"{place}：{FAULT[defect.fault]}"


def _value(name: str, value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(said(REASON, str(one)) for one in value) or "—"
    return said(_CODED[name], str(value)) if name in _CODED else str(value)
