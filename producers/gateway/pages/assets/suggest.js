// Suggestions while an address is typed, by keyboard and touch. Whatever goes wrong with them, the address can still be
// typed in full.

import {suggest} from "./api.js";
import {el, find} from "./dom.js";

const PAUSE_MS = 120;
const field = find("address"), list = find("offers"), clear = find("clear");
let offered = [], at = -1, asking = null, timer = 0;

export function close() {
  clearTimeout(timer);
  asking?.abort();
  list.hidden = true; offered = []; at = -1;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function point(to) {
  at = to;
  Array.from(list.children, (row, n) => row.setAttribute("aria-selected", String(n === at)));
  field.setAttribute("aria-activedescendant", "offer-" + at);
  list.children[at].scrollIntoView({block: "nearest"});
}

function take(one) {
  const district = one.district === one.city ? "" : one.district;
  field.value = one.city + district + one.name;
  close();
  field.focus();
  field.dispatchEvent(new CustomEvent("taken", {bubbles: true}));
  clear.hidden = false;
}

function marked(text, {start, end}) {
  const characters = Array.from(text), piece = (from, to) => characters.slice(from, to).join("");
  return [piece(0, start), el("b", {}, piece(start, end)), piece(end)];
}

function row(one, n) {
  const byAlias = one.highlight.field === "alias";
  const place = [one.city, one.district === one.city ? "" : one.district].filter(Boolean).join(" ");
  return el("li", {
    id: "offer-" + n, role: "option", "aria-selected": "false",
    mousedown: event => event.preventDefault(),  // the field keeps the focus, and a phone its keyboard
    click: () => take(one),
  }, ...(byAlias ? [one.name] : marked(one.name, one.highlight)), el("small", {}, place, byAlias ? "，又名 " : "", ...(byAlias ? marked(one.alias, one.highlight) : [])));
}

async function offer() {
  asking?.abort();
  const text = field.value.trim(), turn = asking = new AbortController();
  if (!text) { close(); return; }
  try {
    const {suggestions} = await suggest(text, turn.signal);
    if (turn.signal.aborted) return;
    offered = suggestions; at = -1;
    list.replaceChildren(...suggestions.map(row));
    list.hidden = !suggestions.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    field.removeAttribute("aria-activedescendant");
  } catch {
    if (!turn.signal.aborted) close();
  }
}

function soon() { clearTimeout(timer); timer = setTimeout(offer, PAUSE_MS); }

/** Begin to listen; `submit` is called for Enter where nothing is pointed at. */
export function listen(submit) {
  field.addEventListener("input", event => {
    clear.hidden = !field.value;
    if (event.isComposing) clearTimeout(timer);  // letters of an unfinished character say nothing yet
    else soon();
  });
  field.addEventListener("compositionend", soon);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", event => {
    if (event.isComposing) return;
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (event.key === "Enter") {
      event.preventDefault();  // an address has one line
      if (at >= 0) take(offered[at]); else { close(); submit(); }
    } else if (offered.length && step) {
      event.preventDefault();
      point(at < 0 && step < 0 ? offered.length - 1 : (at + step + offered.length) % offered.length);
    } else if (event.key === "Escape") close();
  });
  clear.addEventListener("click", () => { field.value = ""; clear.hidden = true; close(); field.focus(); });
}
