// The cards of an answer, by its state. Functions from what the service said to elements; what is clicked is handed in.

import {interval} from "./charts.js";
import {el} from "./dom.js";
import {ADVICE, clock, day, duration, gradeColour, shortId, STATES, tenThousands, wholeYuan, width} from "./words.js";

const card = (...children) => el("section", {class: "card"}, ...children);
const note = text => text && el("p", {class: "note"}, text);
const button = (name, text, click) => el("button", {type: "button", class: name, click}, text);
const again = actions => button("second", "查询另一套房屋", actions.restart);

function facts(rows, name = "facts") {
  return el("dl", {class: name}, rows.filter(([, text]) => text).flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]));
}

/** Address and area as typed on this device just now; a valuation found again shows its number alone. */
function where(typed) {
  return typed && el("p", {class: "where"}, typed.address, el("small", {}, typed.area_m2 + " ㎡"));
}

function state(sign, colour, title, ...lines) {
  return el("div", {class: "stat"}, el("div", {class: "sign " + colour, "aria-hidden": "true"}, sign), el("h3", {}, title), lines.filter(Boolean).map(line => el("p", {}, line)));
}

export function loading(typed) {
  return [card(where(typed), el("div", {class: "stat"}, el("div", {class: "spin"}), el("h3", {}, "正在估值"), el("p", {}, "正在比对周边成交，通常几秒钟内完成"))),
    card(el("div", {class: "bone short"}), el("div", {class: "bone tall"}), el("div", {class: "bone"}), el("div", {class: "bone short"}))];
}

/** [cards of the value, cards beside them]. */
export function valued(view, typed, actions) {
  const {lower, upper, value = null} = view, hasRange = lower && upper;
  const [grade, sentence] = view.confidence_grade ? [view.confidence_grade, view.confidence_text] : ["", hasRange ? width(lower, upper) : ""];
  const area = typed && Number(typed.area_m2);
  const byPeople = view.status === "COMPLETED_MANUAL";  // the other badge repeats what is said aloud already
  const main = card(
    el("span", {class: "badge good", "aria-hidden": !byPeople && "true"}, byPeople ? "专业人员估值" : "估值完成"), where(typed),
    view.address?.community_name && el("p", {class: "of"}, `估值小区：${view.address.community_name}`),
    el("p", {class: "caption"}, value ? "房屋估值" : "参考价格区间"),
    value ? el("p", {class: "figure", id: "value"}, tenThousands(value), el("small", {}, "万元"))
      : el("p", {class: "figure range", id: "range"}, `${tenThousands(lower)} – ${tenThousands(upper)}`, el("small", {}, "万元")),
    value && area && el("p", {class: "per"}, `约 ${wholeYuan(value / area)} 元/㎡`),
    hasRange && interval({lower, upper, value}),
    sentence && el("div", {class: "trust"}, grade && el("span", {class: "grade " + gradeColour(grade), "aria-hidden": "true"}, grade),
      el("p", {}, grade && el("b", {}, `可信程度：${grade}`), sentence)));
  const last = card(
    facts([["价值时点", view.value_date && day(view.value_date)], ["有效期至", view.valid_until && day(view.valid_until)], ["估值编号", shortId(view.valuation_id)]]),
    view.report && button("main", "下载估价报告单（PDF）", actions.download), el("p", {class: "wrong", id: "download-wrong", role: "alert"}),
    again(actions), note(view.disclaimer));
  return [[main, last], [influences(view.influences)].filter(Boolean)];
}

function influences(found) {
  if (!found?.length) return null;
  const row = ({text, direction}) => el("li", {}, direction === "UP" ? el("span", {class: "up"}, "↑ 推高") : el("span", {class: "down"}, "↓ 拉低"), text);
  return card(el("h3", {}, "哪些因素影响了价格"), el("ul", {class: "influences"}, found.map(row)));
}

export function pending(view, typed, actions) {
  const [colour, sign, title, words] = STATES[view.status];
  return [
    card(where(typed), state(sign, colour, title, words),
      facts([["最迟办结", view.due_at && clock(view.due_at)], ["预计完成", view.expected_at && clock(view.expected_at)],
        ["当前排队", view.queue_position && `第 ${view.queue_position} 位`], ["估值编号", shortId(view.valuation_id)]], "facts big")),
    card(el("h3", {}, "可以离开本页"), el("p", {}, "结果出来后本页自动显示。也可以关闭页面，之后在本机“最近的查询”里或用下面的链接找回。"),
      button("second", "复制查询链接", actions.copy), again(actions), note(view.disclaimer)),
  ];
}

export function question(view, typed, actions) {
  const candidates = view.candidates ?? [];
  if (!candidates.length) {
    return [card(where(typed), state("?", "warn", "请补充地址", view.question || "请补充小区、楼栋或房号后重新查询。"), button("main", "返回补充", actions.amend))];
  }
  const choice = one => el("button", {type: "button", class: "choice", click: event => actions.choose(one, event.currentTarget)},
    el("span", {}, el("b", {}, one.name), el("small", {}, [one.city, one.district].filter(Boolean).join(" "))));
  return [card(el("span", {class: "badge warn"}, "待确认地址"), where(typed), el("h3", {class: "caption"}, "您说的是哪个小区？"),
    candidates.map(choice), el("p", {class: "wrong", id: "choice-wrong", role: "alert"}),
    note(view.answer_by && `请在 ${clock(view.answer_by)}（北京时间）前选择`), button("second", "都不是，修改地址", actions.amend))];
}

/** Every answer without a value. */
export function ended(view, typed, actions) {
  const [colour, sign, title, words] = STATES[view.status] ?? STATES.FAILED;
  return [card(where(typed), state(sign, colour, title, view.reason_text || words, ADVICE[view.status]), facts([["估值编号", shortId(view.valuation_id)]]),
    MAY_PASS.includes(view.status) && actions.resubmit ? [button("main", "重新提交", actions.resubmit), button("second", "返回修改", actions.amend)]
      : button("main", "返回修改", actions.amend), note(view.disclaimer))];
}
const MAY_PASS = ["FAILED", "CANCELLED", "EXPIRED"];  // the same house may be answered another time

export function underWay(view, typed) {
  return [card(where(typed), el("div", {class: "stat"}, el("div", {class: "spin"}), el("h3", {}, STATES[view.status][2]), el("p", {}, STATES[view.status][3])), facts([["估值编号", shortId(view.valuation_id)]]))];
}

/** Why nothing could be asked; `again` is offered where the same may succeed. */
export function hindrance(kind, {seconds = null, detail = "", retry = null, restart = null}) {
  const [sign, title, words] = {
    offline: ["!", "网络不通", "未能连接服务。网络恢复后自动继续，不会重复提交。"],
    overloaded: ["…", "访问人数较多", "暂时未能受理，您的填写已保留，不会重复提交。"],
    quota: ["!", "查询次数已达上限", seconds ? `请约 ${duration(seconds)}后再试。` : "请稍后再试。"],
    session: ["!", "登录信息已失效", "请返回银行应用，重新进入本页。"],
    missing: ["?", "未找到这笔估值", "它可能已过保存期，或不是由本渠道提交。从银行应用提交的，请从应用重新进入本页查看。"],
    foreign: ["!", "未能连接服务", "收到的不是本服务的答复。使用公共无线网络时，可能需要先登录该网络，再点“立即重试”。"],
    fault: ["!", "暂时无法处理", detail || "请稍后重试。"],
  }[kind];
  return [card(state(sign, ["overloaded", "offline", "foreign"].includes(kind) ? "warn" : "bad", title, words),
    kind === "overloaded" && seconds && el("p", {class: "note", id: "countdown"}),
    retry && button("main", "立即重试", retry), restart && button("second", "返回", restart))];
}
