// Every call to the service, on this page's own origin alone.

import {solved} from "./challenge.js";

let token = null;
export function identify(pageToken) { token = pageToken; }
export const isCustomer = () => token !== null;

/** The service said no. `problem` is its RFC 9457 document; `retryAfterS` is null where it named no time. */
export class Refused extends Error {
  constructor(status, problem, retryAfterS) {
    super(problem.code ?? String(status));
    Object.assign(this, {status, problem, retryAfterS, code: problem.code ?? ""});
  }
}
/** The service was not reached, or not in time. */
export class Unreachable extends Error {}
/** Something answered that is not the service, as the log-in page of a public network does, or only half of it came. */
export class Unreadable extends Error {}

const PATIENCE_MS = 30000;  // the service answers within 8 s

export async function request(path, {method = "GET", body, headers = {}, signal} = {}) {
  const sent = {...headers};
  if (token) sent.Authorization = "Bearer " + token;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {method, signal, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store"});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(path);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  let problem = {};
  try { problem = await response.json(); } catch { /* a proxy on the way answers in its own words */ }
  const after = Number(response.headers.get("Retry-After"));
  return new Refused(response.status, problem, Number.isFinite(after) && after > 0 ? after : null);
}

/** The document that is answered. It has to come whole, and in time: nobody waits for a line that has gone dead. */
async function json(path, {signal = null, ...options} = {}) {
  const patience = new AbortController(), end = () => patience.abort(), timer = setTimeout(end, PATIENCE_MS);
  if (signal?.aborted) end();
  signal?.addEventListener("abort", end);
  try {
    return parsed(await (await request(path, {...options, signal: patience.signal})).text());
  } catch (error) {
    if (error instanceof Refused || error instanceof Unreadable || signal?.aborted) throw error;
    throw new Unreachable(path);  // also where the answer broke off
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

export function parsed(text) {
  try { return JSON.parse(text); } catch { throw new Unreadable("no JSON"); }
}

const path = id => "/h5/valuations/" + encodeURIComponent(id);

/** Ask. Without a page token a puzzle is solved first, which makes asking by the thousand expensive. */
export async function ask(body) {
  return askWith(body);
}
export async function clarify(id, communityId) {
  return post(path(id) + "/clarification", {community_id: communityId});
}
function post(where, body, proof = {}) {
  return json(where, {method: "POST", body, headers: {Prefer: "wait=8", ...proof}});
}
async function askWith(body) {
  const send = proof => post("/h5/valuations", body, proof);
  if (token) return send({});
  try {
    return await send(await solved(challenge));
  } catch (error) {
    if (!(error instanceof Refused) || ![401, 403].includes(error.status)) throw error;
    return send(await solved(challenge));  // it had grown old: a new one, once
  }
}
export const challenge = () => json("/h5/challenge");
export const look = (id, signal) => json(path(id), {signal});
export const events = (id, signal) => request(path(id) + "/events", {signal, headers: {Accept: "text/event-stream"}});
export const report = async id => (await request(path(id) + "/report")).blob();
export const prices = communityId => json(`/h5/communities/${encodeURIComponent(communityId)}/prices`);
export const suggest = (typed, signal) => json("/h5/addresses/suggest?" + new URLSearchParams({q: typed}), {signal});
