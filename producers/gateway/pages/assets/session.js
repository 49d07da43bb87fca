// What the page remembers: the numbers of the last valuations, when they were asked for and how they stand (never an
// address, an area or a value), and, as long as this tab is open, the page token that the bank's application gave.

const TOKEN = "avm.page-token", RECENT = "avm.valuations", MOST = 5;
const ID = /^[0-9a-f-]{36}$/;

function kept(storage, key) {
  try { return storage().getItem(key); } catch { return null; }  // storage may be forbidden: the page works without
}
function keep(storage, key, value) {
  try { value === null ? storage().removeItem(key) : storage().setItem(key, value); } catch { /* as above */ }
}
const tab = () => sessionStorage, device = () => localStorage;

/** The page token from `#token=…`, which then leaves the address bar: links that are shared must not carry it. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token === null) return kept(tab, TOKEN);
  keep(tab, TOKEN, token || null);
  given.delete("token");
  const rest = given.toString();
  history.replaceState(null, "", location.pathname + location.search + (rest ? "#" + rest : ""));
  return token || null;
}

export function forgetToken() { keep(tab, TOKEN, null); }

/** The valuation that the address bar names. */
export function shown() {
  const id = new URLSearchParams(location.hash.slice(1)).get("v");
  return id && ID.test(id) ? id : null;
}

/** The last valuations, newest first: {id, at: milliseconds since 1970, status}. */
export function recent() {
  try {
    const found = JSON.parse(kept(device, RECENT) ?? "[]");
    return Array.isArray(found) ? found.filter(isEntry).slice(0, MOST) : [];
  } catch { return []; }
}
const isEntry = one => typeof one?.id === "string" && ID.test(one.id) && Number.isFinite(one.at) && typeof one.status === "string";

export function remember({valuation_id: id, status}) {
  keep(device, RECENT, JSON.stringify([{id, at: Date.now(), status}, ...recent().filter(one => one.id !== id)].slice(0, MOST)));
}

/** How a remembered one stands now. */
export function mark({valuation_id: id, status}) {
  keep(device, RECENT, JSON.stringify(recent().map(one => one.id === id ? {...one, status} : one)));
}

export function forget(id) {
  keep(device, RECENT, JSON.stringify(recent().filter(one => one.id !== id)));
}

/** A number for a new request that nobody can guess. */
export function requestNumber() {
  return "h5-" + Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
}
