// The answers to one valuation as they come: pushed by the service, or, where the line does not hold, asked for.

import {events, look, parsed, Refused, Unreachable, Unreadable} from "./api.js";

const POLL_MS = 2000, SLOW_POLL_MS = 30000, STREAMS_TRIED = 3, REPORT_POLLS = 15, FAILURES_BORNE = 3;
const NO_STREAM = [404, 405, 406];

// Too many people look at once: who polls needs no place.
const noStream = error => error instanceof Refused && (NO_STREAM.includes(error.status) || error.code === "too-many-streams");
const isAnswered = view => view.final || view.status === "NEEDS_CLARIFICATION";
// A customer's value gets its report a moment later.
const isReportDue = view => view.final && "value" in view && !view.report;
const mayPass = error => error instanceof Unreachable || error instanceof Unreadable || (error instanceof Refused && (error.status === 429 || error.status >= 500));
// What waits hours for people stands as it is while the line is down; a turning wheel must not turn for nothing.
const mayStand = view => view !== null && (isAnswered(view) || view.status === "PENDING_MANUAL");

/**
 * Calls `show(view)` for every answer until the last, or until `signal` is aborted; `lost(error)` where that cannot be.
 * `first` is an answer that is shown already.
 */
export async function follow(id, {first = null, show, lost, signal}) {
  let view = first, streams = STREAMS_TRIED, reportPolls = REPORT_POLLS, failures = 0;
  const tell = found => { show(found); view = found; streams = STREAMS_TRIED; failures = 0; };
  while (!signal.aborted) {
    try {
      if (view === null || streams === 0) tell(await look(id, signal));
      if (isAnswered(view) && !(isReportDue(view) && reportPolls-- > 0)) return;
      if (streams > 0) {
        streams--;
        await stream(id, tell, signal);
        if (isAnswered(view)) return;  // the service ends a stream when nothing more is to come
      }
    } catch (error) {
      if (signal.aborted) return;
      if (noStream(error) && view !== null) streams = 0;
      else if (!mayPass(error) || (!mayStand(view) && (view === null || ++failures >= FAILURES_BORNE))) { lost(error); return; }
    }
    await pause(view?.status === "PENDING_MANUAL" ? SLOW_POLL_MS : POLL_MS, signal);
  }
}

/** Read the stream of one valuation to its end. */
async function stream(id, tell, signal) {
  const response = await events(id, signal);
  if (response.body === null) return;  // nothing more will come
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {value, done} = await chunk(reader, id);
    if (done) return;
    const parts = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = parts.pop();
    for (const [kind, text] of parts.map(event)) {
      if (kind === "answer") tell(parsed(text));
      if (kind === "report") tell(await look(id, signal));
    }
  }
}

async function chunk(reader, id) {
  try { return await reader.read(); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(id);
  }
}

/** One event of a stream: [its kind, its data]. Comments, which keep the line alive, are of no kind. */
function event(part) {
  const lines = part.split("\n");
  const field = name => lines.filter(line => line.startsWith(name + ":")).map(line => line.slice(name.length + 1).trimStart());
  const text = field("data").join("\n");
  return text ? [field("event")[0] ?? "message", text] : ["", ""];
}

/** Wait, or go on at once when the network is back or the page is looked at again. */
function pause(ms, signal) {
  return new Promise(done => {
    const timer = setTimeout(end, ms);
    const watched = [[window, "online"], [document, "visibilitychange"], [signal, "abort"]];
    function end() {
      clearTimeout(timer);
      for (const [where, what] of watched) where.removeEventListener(what, end);
      done();
    }
    for (const [where, what] of watched) where.addEventListener(what, end);
  });
}
