// Two drawings: where a value lies in its interval, and how prices of a community went. Each says in words what it shows.

import {el, svg} from "./dom.js";
import {month, tenThousands, wholeYuan} from "./words.js";

const INTERVAL = {width: 320, height: 78, left: 34, right: 286, y: 38};

/** The interval as a band; the value, where it is told, as a point on it. */
export function interval({lower, upper, value = null}) {
  const {width, height, left, right, y} = INTERVAL, inset = 26;
  const place = yuan => left + inset + (right - left - 2 * inset) * (yuan - lower) / (upper - lower || 1);
  const text = (x, height, what, name, anchor = "middle") => svg("text", {x, y: height, "text-anchor": anchor, class: name}, what);
  const words = `价格区间 ${tenThousands(lower)} 万元至 ${tenThousands(upper)} 万元` + (value ? `，估值 ${tenThousands(value)} 万元` : "");
  return svg("svg", {class: "interval", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words},
    svg("rect", {class: "track", x: left - 24, y: y - 5, width: right - left + 48, height: 10, rx: 5}),
    svg("rect", {class: "band", x: place(lower), y: y - 5, width: place(upper) - place(lower), height: 10, rx: 5}),
    [lower, upper].map(yuan => svg("rect", {class: "edge", x: place(yuan) - 1.5, y: y - 9, width: 3, height: 18, rx: 1.5})),
    value && svg("circle", {class: "dot", cx: place(value), cy: y, r: 9}),
    value && text(place(value), y - 17, "估值", ""),
    text(place(lower), y + 27, tenThousands(lower) + " 万", "number"), text(place(upper), y + 27, tenThousands(upper) + " 万", "number"),
    text(place(lower), y - 17, "低", ""), text(place(upper), y - 17, "高", ""));
}

const CHART = {width: 320, height: 184, left: 40, right: 310, top: 28, bottom: 156};

/** Mean unit prices by month; pointing or touching reads one of them. `months` has two or more. */
export function priceChart(name, months) {
  const {width, height, left, right, top, bottom} = CHART, numbers = months.map(one => one.unit_price);
  const [low, high, step] = scale(Math.min(...numbers), Math.max(...numbers));
  const first = ordinal(months[0].month), span = ordinal(months.at(-1).month) - first;
  const x = one => left + (right - left) * (ordinal(one.month) - first) / span;
  const y = price => bottom - (bottom - top) * (price - low) / (high - low);
  const line = months.map((one, n) => `${n ? "L" : "M"}${x(one).toFixed(1)} ${y(one.unit_price).toFixed(1)}`).join("");
  const hair = svg("line", {class: "hair", y1: top, y2: bottom}), dot = svg("circle", {class: "dot", r: 5});
  const when = el("span"), what = el("b");
  const read = one => {
    for (const end of ["x1", "x2"]) hair.setAttribute(end, x(one));
    dot.setAttribute("cx", x(one)); dot.setAttribute("cy", y(one.unit_price));
    when.textContent = `${month(one.month)} · 成交 ${one.deals} 套`;
    what.textContent = `${wholeYuan(one.unit_price)} 元/㎡`;
  };
  const grid = [svg("text", {x: 2, y: 12, class: "unit"}, "万元/㎡")], digits = step < 100 ? 3 : step < 1000 ? 2 : 1;
  for (let price = low; price <= high + 1; price += step) {
    grid.push(svg("line", {class: "grid", x1: left, x2: right, y1: y(price), y2: y(price)}),
      svg("text", {x: left - 6, y: y(price) + 4, "text-anchor": "end"}, (price / 10000).toFixed(digits)));
  }
  const labels = [months[0], months.at(-1)].map((one, n) =>
    svg("text", {x: n ? right : left, y: bottom + 20, "text-anchor": n ? "end" : "start"}, one.month.replace("-", ".")));
  const drawing = svg("svg", {class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told(name, months)},
    grid, labels, svg("path", {class: "under", d: `${line}L${right} ${bottom}L${left} ${bottom}Z`}), svg("path", {class: "line", d: line}), hair, dot);
  const nearest = event => {
    const box = drawing.getBoundingClientRect(), at = (event.clientX - box.left) * width / box.width;
    read(months.reduce((best, one) => Math.abs(x(one) - at) < Math.abs(x(best) - at) ? one : best));
  };
  drawing.addEventListener("pointermove", nearest);
  drawing.addEventListener("pointerdown", nearest);
  read(months.at(-1));
  return el("figure", {}, el("figcaption", {class: "read"}, when, what), drawing);
}

const ordinal = yearMonth => { const [year, number] = yearMonth.split("-").map(Number); return year * 12 + number; };

/** A scale in round steps around two prices: [lowest, highest, step]. */
function scale(least, most) {
  const rough = Math.max((most - least) / 3, most * 0.02), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(one => one * power).find(one => one >= rough);
  const low = Math.floor(least / step) * step;
  return [low, Math.max(Math.ceil(most / step) * step, low + step), step];
}

function told(name, months) {
  const first = months[0], last = months.at(-1), change = (last.unit_price / first.unit_price - 1) * 100;
  const moved = Math.abs(change) < 0.5 ? "基本持平" : `${change > 0 ? "上涨" : "下跌"} ${Math.abs(change).toFixed(0)}%`;
  return `${name}成交均价：${month(first.month)} ${wholeYuan(first.unit_price)} 元每平方米，${month(last.month)} ${wholeYuan(last.unit_price)} 元每平方米，${moved}`;
}
