// The page: what is typed, what is asked, what is shown. Two screens, the form and the answer; the address bar's `#v=…`
// names the answer's valuation, so that "back" leads to the form and a link leads back to the answer.

import * as answers from "./answers.js";
import * as api from "./api.js";
import {prepare} from "./challenge.js";
import {priceChart} from "./charts.js";
import {el, find} from "./dom.js";
import {follow} from "./follow.js";
import * as session from "./session.js";
import * as suggestions from "./suggest.js";
import {clock, shortId, standing, STATES} from "./words.js";

const AREA = /^\d{1,6}(\.\d{1,2})?$/, RETRY_S = 5;
let sent = null;              // {body, id} of the last request, whose number is used again for the same content
let turn = new AbortController();
const typedOf = new Map();    // valuation -> what was typed for it; in memory alone

// ---- screens

function screen(name) {
  const isAnswer = name === "answer";
  document.body.classList.toggle("at-answer", isAnswer);
  find("asking").hidden = isAnswer;
  find("answer").hidden = find("back").hidden = !isAnswer;
  if (isAnswer) { scrollTo(0, 0); find("said").focus({preventScroll: true}); } else listRecent();
}

/** Put cards on the answer's screen and say aloud, once, what they are about. */
function put(said, [first, ...others], beside = null) {
  const cards = find("cards");
  cards.classList.toggle("wide", beside !== null);
  cards.replaceChildren(...(beside ? [el("div", {}, first, ...others), el("div", {id: "beside"}, ...beside)] : [first, ...others]));
  find("live").textContent = said;
}

function restart() {
  turn.abort();
  if (session.shown()) history.pushState(null, "", location.pathname + location.search);
  find("form").reset();
  find("clear").hidden = true;
  sent = null;
  screen("form");
  find("address").focus();
}

function amend() {
  turn.abort();
  if (session.shown()) history.pushState(null, "", location.pathname + location.search);
  screen("form");
  find("address").focus();
}

// ---- the form

function mark(field, message) {
  find(field + "-wrong").textContent = message;
  if (field !== "form") find(field).setAttribute("aria-invalid", message ? "true" : "false");
}

function submit() {
  suggestions.close();
  const address = find("address").value.trim(), area = find("area_m2").value.trim().replace(/[０-９．]/g, wide => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  mark("form", "");
  mark("address", address ? "" : "请填写房屋地址");
  mark("area_m2", AREA.test(area) && Number(area) > 0 ? "" : "请填写大于 0 的面积，最多两位小数，例如 89.50");
  const wrong = document.querySelector("#form [aria-invalid=true]");
  if (wrong) { wrong.focus(); return; }
  // The same entry sent again keeps its number, so that a second try joins the first request.
  if (sent?.body.address !== address || sent?.body.area_m2 !== area) {
    sent = numbered({address, area_m2: area});
  }
  attempt(sent);
}

const numbered = ({address, area_m2}) => ({body: {address, area_m2, client_request_id: session.requestNumber()}, id: null});

/** The same house asked about anew: what has ended without a value would be answered with its end for ever. */
function resubmit(typed) {
  sent = numbered(typed);
  attempt(sent);
}

/** Ask, and what comes of it. */
async function attempt(asked) {
  const mine = begin();
  put("正在估值", answers.loading(asked.body));
  screen("answer");
  try {
    const view = await api.ask(asked.body);
    if (mine.aborted) return;
    asked.id = view.valuation_id;
    typedOf.set(view.valuation_id, asked.body);
    session.remember(view);
    history.pushState(null, "", "#v=" + view.valuation_id);
    show(view);
    await continued(view.valuation_id, view, mine);
  } catch (error) {
    if (!mine.aborted) hindered(error, () => attempt(asked));
  }
}

function begin() {
  turn.abort();
  turn = new AbortController();
  return turn.signal;
}

/** Mark each wrong field; what belongs to none of the form's fields is said above the button. */
function refuse(problem) {
  sent = null;
  screen("form");
  const elsewhere = [];
  for (const one of problem.problems ?? []) {
    if (["address", "area_m2"].includes(one.field)) mark(one.field, one.message); else elsewhere.push(one.message);
  }
  if (!problem.problems?.length) elsewhere.push(problem.detail_zh || "请核对后重新提交。");
  mark("form", elsewhere.join(" "));
  document.querySelector("#form [aria-invalid=true]")?.focus();
}

function hindered(error, retry) {
  const say = (kind, words, more = {}) => { put(words, answers.hindrance(kind, {restart: amend, ...more})); screen("answer"); };
  if (error instanceof api.Unreachable) {
    say("offline", "网络不通", {retry});
    onceOnline(retry);
  } else if (error instanceof api.Unreadable) say("foreign", "未能连接服务", {retry});
  else if (!(error instanceof api.Refused)) {
    console.error(error);
    say("fault", "暂时无法处理", {retry});
  } else if (error.status === 429 && error.code === "quota-exceeded") {
    sent = null;  // refused under its number for good
    say("quota", "查询次数已达上限", {seconds: error.retryAfterS});
  } else if (error.status === 429 || error.status === 503) {
    const seconds = error.retryAfterS ?? RETRY_S;
    say("overloaded", "访问人数较多", {retry, seconds});
    countDown(seconds, retry);
  } else if (error.status === 401 || error.status === 403) {
    session.forgetToken();
    if (api.isCustomer()) say("session", "登录信息已失效", {restart: null});
    else say("fault", "暂时无法处理", {retry, detail: error.problem.detail_zh});
  } else if (error.status === 404) say("missing", "未找到这笔估值", {restart});
  else if ([400, 409, 413, 415, 422].includes(error.status)) refuse(error.problem);
  else say("fault", "暂时无法处理", {retry, detail: error.problem.detail_zh});
}

function onceOnline(retry) {
  const signal = turn.signal;
  addEventListener("online", () => { if (!signal.aborted) retry(); }, {once: true, signal});
}

function countDown(seconds, retry) {
  const signal = turn.signal, timer = setInterval(tick, 1000);
  function tick() {
    if (signal.aborted) { clearInterval(timer); return; }
    if (seconds <= 0) { clearInterval(timer); retry(); return; }
    const line = find("countdown");
    if (line) line.textContent = `${seconds} 秒后自动重试`;
    seconds--;
  }
  tick();
}

// ---- the answer

const actionsFor = (view, typed) => ({
  restart, amend,
  resubmit: typed && (() => resubmit(typed)),
  choose: (one, button) => choose(view, one, button),
  download: event => download(view, event.currentTarget),
  copy: event => copy(event.currentTarget),
});

function show(view) {
  const typed = typedOf.get(view.valuation_id) ?? null, actions = actionsFor(view, typed), hasValue = Boolean(view.lower || view.value);
  session.mark(view);
  if (view.final && !hasValue && sent?.id === view.valuation_id) sent = null;
  if (hasValue) {
    const [cards, beside] = answers.valued(view, typed, actions);
    put(view.value ? "估值完成" : "参考价格区间已得出", cards, beside);
    showPrices(view.address?.community_id);
  } else if (view.status === "NEEDS_CLARIFICATION") put("请确认地址", answers.question(view, typed, actions));
  else if (view.status === "PENDING_MANUAL") put("专业人员核实中", answers.pending(view, typed, actions));
  else if (!view.final) put("正在估值", answers.underWay(view, typed));
  else put(STATES[view.status]?.[2] ?? "处理结束", answers.ended(view, typed, actions));
}

function continued(id, view, signal) {
  return follow(id, {first: view, show, signal, lost: error => hindered(error, () => open(id))});
}

/** A valuation that is named by a link or the list of recent ones. */
function open(id) {
  const mine = begin();
  put("正在查询", answers.loading(typedOf.get(id)));
  screen("answer");
  return follow(id, {show, signal: mine, lost: error => {
    if (error.status === 404 && api.isCustomer()) session.forget(id);  // a visitor's page may only lack the bank's token
    hindered(error, () => open(id));
  }});
}

async function choose(view, one, button) {
  const mine = begin();
  for (const other of document.querySelectorAll(".choice")) other.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    const found = await api.clarify(view.valuation_id, one.community_id);
    if (mine.aborted) return;
    show(found);
    await continued(view.valuation_id, found, mine);
  } catch (error) {
    if (mine.aborted) return;
    if (error instanceof api.Refused && error.status === 409) { open(view.valuation_id); return; }  // answered or too late: see what it is now
    if (error instanceof api.Refused && error.status < 500 && error.status !== 429) {
      find("choice-wrong").textContent = error.problem.problems?.[0]?.message ?? error.problem.detail_zh ?? "请重新选择。";
      for (const other of document.querySelectorAll(".choice")) other.disabled = false;
    } else hindered(error, () => choose(view, one, button));
  }
}

async function showPrices(communityId) {
  if (!communityId) return;
  const signal = turn.signal;
  try {
    const {name, months} = await api.prices(communityId);
    if (signal.aborted || months.length < 2 || !find("beside") || find("prices")) return;
    find("beside").prepend(el("section", {class: "card", id: "prices"}, el("h3", {}, `${name} 成交均价`), priceChart(name, months),
      el("p", {class: "note"}, "按月统计的成交均价，成交少于 3 套的月份不显示。")));
  } catch { /* the value stands without its history */ }
}

async function download(view, button) {
  button.disabled = true;
  const wrong = find("download-wrong");
  wrong.textContent = "";
  try {
    const url = URL.createObjectURL(await api.report(view.valuation_id));
    el("a", {href: url, download: `${view.report.report_no ?? "report"}.pdf`}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  } catch (error) {
    wrong.textContent = error instanceof api.Unreachable ? "网络不通，请稍后重试。" : error.problem?.detail_zh ?? "下载失败，请稍后重试。";
  } finally {
    button.disabled = false;
  }
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "已复制";
  } catch {
    button.textContent = "请长按地址栏复制链接";
  }
}

// ---- found again

function listRecent() {
  const found = session.recent();
  find("recent").hidden = !found.length;
  find("recent-list").replaceChildren(...found.map(({id, at, status}) =>
    el("li", {}, el("a", {href: "#v=" + id}, el("b", {}, clock(at), el("small", {}, `编号 ${shortId(id)}`)), el("span", {}, standing(status))))));
}

function route() {
  const id = session.shown();
  if (id) open(id);
  else { turn.abort(); screen("form"); }
}

api.identify(session.takeToken());
if (api.isCustomer()) {
  find("slogan").textContent = "填写地址和面积，几秒钟得出房屋估值";
  find("ask").textContent = "立即估值";
}
suggestions.listen(submit);
find("form").addEventListener("submit", event => { event.preventDefault(); submit(); });
find("form").addEventListener("taken", () => mark("address", ""));
find("form").addEventListener("focusin", () => { if (!api.isCustomer()) prepare(api.challenge); }, {once: true});
find("back").addEventListener("click", amend);
addEventListener("popstate", route);
addEventListener("hashchange", () => { const token = session.takeToken(); if (token) api.identify(token); });
for (const change of ["online", "offline"]) addEventListener(change, () => { find("offline").hidden = navigator.onLine; });
route();
