"""The columns of the tables of quality, and their cells that are more than text."""

from typing import Final

_RIGHT: Final = {"align": "right"}
_LEFT: Final = {"align": "left"}
NAME: Final = {"name": "name", "label": "估值员", "field": "name", **_LEFT}
QUEUE: Final = {"name": "name", "label": "队列", "field": "name", **_LEFT}
GAPS: Final = {"name": "gaps", "label": "待提升", "field": "gaps", **_LEFT}
FIGURES: Final = (
    {"name": "n", "label": "笔数", "field": "n", **_RIGHT},
    {"name": "share_10", "label": "±10% 内", "field": "share_10", **_RIGHT},
    {"name": "interval", "label": "95% 区间", "field": "interval", **_RIGHT},
    {"name": "share_5", "label": "±5% 内", "field": "share_5", **_RIGHT},
    {"name": "mean", "label": "平均偏离", "field": "mean", **_RIGHT},
    {"name": "enough", "label": "说明", "field": "enough", **_LEFT},
)
PAIRS: Final = (
    {"name": "day", "label": "日期", "field": "day", **_LEFT},
    {"name": "check", "label": "核对方式", "field": "check", **_LEFT},
    {"name": "reviewer", "label": "被核对", "field": "reviewer", **_LEFT},
    {"name": "reader", "label": "核对依据", "field": "reader", **_LEFT},
    {"name": "queue", "label": "队列", "field": "queue", **_LEFT},
    {"name": "reasons", "label": "转人工原因", "field": "reasons", **_LEFT},
    {"name": "value", "label": "结论", "field": "value", **_RIGHT},
    {"name": "reference", "label": "核对值", "field": "reference", **_RIGHT},
    {"name": "deviation", "label": "偏离", "field": "deviation", **_RIGHT},
    {"name": "agrees", "label": "判定", "field": "agrees", **_LEFT},
)
SEEDS: Final = (
    {"name": "planted", "label": "投放时间", "field": "planted", **_LEFT},
    {"name": "address", "label": "地址", "field": "address", **_LEFT},
    {"name": "basis", "label": "答案来源", "field": "basis", **_LEFT},
    {"name": "answer", "label": "已知答案", "field": "answer", **_RIGHT},
    {"name": "state", "label": "状态", "field": "state", **_LEFT},
    {"name": "reviewer", "label": "作答人", "field": "reviewer", **_LEFT},
    {"name": "decided", "label": "作答", "field": "decided", **_RIGHT},
    {"name": "score", "label": "评分", "field": "score", **_LEFT},
)
DRAWS: Final = (
    {"name": "day", "label": "日期", "field": "day", **_LEFT},
    {"name": "decisions", "label": "人工结论", "field": "decisions", **_RIGHT},
    {"name": "drawn", "label": "抽中", "field": "drawn", **_RIGHT},
    {"name": "drawn_at", "label": "抽取时间", "field": "drawn_at", **_LEFT},
)
PATTERNS: Final = (
    {"name": "found", "label": "发现时间", "field": "found", **_LEFT},
    {"name": "where", "label": "范围", "field": "where", **_LEFT},
    {"name": "signals", "label": "复估/大幅修正", "field": "signals", **_RIGHT},
    {"name": "segments", "label": "已暂停板块", "field": "segments", **_LEFT},
    {"name": "first", "label": "须重估起点", "field": "first", **_LEFT},
    {"name": "state", "label": "状态", "field": "state", **_LEFT},
    {"name": "act", "label": "", "field": "act", **_LEFT},
)
CLOSE_CELL: Final = """
    <q-td :props="props"><q-btn v-if="props.row.act" dense flat no-caps color="primary" label="关闭事件"
    @click="$parent.$emit('close', props.row.id)"></q-btn></q-td>
"""
LONG_CELL: Final = """
    <q-td :props="props" style="max-width: 260px; overflow: hidden; text-overflow: ellipsis" :title="props.value">
    {{ props.value }}</q-td>
"""
