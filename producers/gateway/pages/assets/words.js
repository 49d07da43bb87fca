// What people read. Codes of the service become sentences here and nowhere else.

const ZH = "zh-CN", ZONE = "Asia/Shanghai";

/** [badge's colour, sign, headline, what it means and what can be done] by status. */
export const STATES = {
  RECEIVED: ["", "", "正在估值", "已受理，通常几秒钟内完成。"],
  PROCESSING: ["", "", "正在估值", "所需时间比平时长，请稍候，本页会自动更新。"],
  NEEDS_CLARIFICATION: ["warn", "?", "请确认地址", ""],
  PENDING_MANUAL: ["warn", "…", "专业人员核实中", "这套房屋需要估价人员核实，结果办结后在本页显示。"],
  UNABLE_TO_VALUE: ["warn", "–", "暂时无法估值", "现有市场依据不足，暂时无法给出可靠的价格。"],
  OUT_OF_COVERAGE: ["warn", "!", "该地区尚未开通", "房屋所在地区尚未开通估值服务。"],
  NOT_ELIGIBLE: ["warn", "!", "该房屋不在服务范围", "仅受理可上市交易的商品房。"],
  REJECTED_INVALID: ["bad", "!", "未能受理", "请核对填写的内容后重新提交。"],
  FAILED: ["bad", "!", "处理未能完成", "系统处理时出现问题，请稍后重新提交。"],
  CANCELLED: ["", "–", "申请已撤销", "这笔申请已撤销，需要时可以重新查询。"],
  EXPIRED: ["", "–", "申请已失效", "未在规定时间内确认地址，请重新查询。"],
};

/** What may be tried where there is no value. */
export const ADVICE = {
  UNABLE_TO_VALUE: "可以核对地址和面积后重新查询，或联系您的客户经理。",
  OUT_OF_COVERAGE: "若地址有误，请返回修改后重新查询。",
  NOT_ELIGIBLE: "若地址有误，请返回修改后重新查询。",
};

const GRADES = {"高": "good", "中": "", "低": "warn"};
export const gradeColour = grade => GRADES[grade] ?? "";

/** Yuan in ten thousands: 4475000 -> "447.5". */
export function tenThousands(yuan) {
  return (yuan / 10000).toLocaleString(ZH, {maximumFractionDigits: 1});
}

export function wholeYuan(yuan) {
  return Math.round(yuan).toLocaleString(ZH);
}

/** What the range says of itself, where nothing else is told; why it is so wide is not known here. */
export function width(lower, upper) {
  const half = (upper - lower) / (upper + lower), apart = `区间的上下限与中间值相差约 ${Math.max(1, Math.round(half * 100))}%`;
  if (half <= 0.10) return apart + "，区间较窄。";
  if (half <= 0.20) return apart + "，请结合房屋的实际情况参考。";
  return apart + "，区间较宽，仅供粗略参考。";
}

/** An instant on the bank's clock: "3月2日 14:05". */
export function clock(instant) {
  const parts = {timeZone: ZONE, month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
  return new Date(instant).toLocaleString(ZH, parts);
}

export function day(date) {
  const [year, month, number] = date.split("-").map(Number);
  return `${year}年${month}月${number}日`;
}

export function month(yearMonth) {
  const [year, number] = yearMonth.split("-").map(Number);
  return `${year}年${number}月`;
}

/** A status in a word or two, for lists. */
export const standing = status => STATES[status]?.[2] ?? (status in DONE ? DONE[status] : "");
const DONE = {COMPLETED_AUTO: "估值完成", COMPLETED_MANUAL: "估值完成"};

export const shortId = id => id.slice(0, 8).toUpperCase();

/** Seconds as people say them: 90 -> "2 分钟". */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} 秒`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} 分钟`;
  return `${Math.ceil(seconds / 3600)} 小时`;
}
