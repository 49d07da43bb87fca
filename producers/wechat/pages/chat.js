// A chat with the account, as one customer whose openid is made up for this tab.

const talk = document.getElementById("talk"), field = document.getElementById("text");
const openid = sessionStorage.openid ??= "o" + Array.from(crypto.getRandomValues(new Uint8Array(14)), byte => byte.toString(36).padStart(2, "0")).join("").slice(0, 27);
let seen = 0;

function bubble(text, isMine, waits = false) {
  const row = document.createElement("div"), face = document.createElement("span"), said = document.createElement("div");
  row.className = "row" + (isMine ? " mine" : "");
  face.className = "face"; face.textContent = isMine ? "我" : "估"; face.setAttribute("aria-hidden", "true");
  said.className = "said" + (waits ? " waiting" : ""); said.textContent = text;
  row.append(face, said);
  talk.append(row);
  talk.scrollTop = talk.scrollHeight;
  return row;
}

async function pass(message) {
  const waiting = bubble("…", false, true);
  try {
    const answer = await fetch("/simulator/messages", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({openid, ...message})});
    const {reply} = await answer.json();
    waiting.remove();
    if (reply) bubble(reply, false);
  } catch {
    waiting.remove();
    bubble("该公众号提供的服务出现故障，请稍后再试", false);
  }
}

// What the account sends by itself.
async function listen() {
  try {
    const {messages} = await (await fetch("/simulator/messages?" + new URLSearchParams({openid, after: seen}))).json();
    seen += messages.length;
    for (const text of messages) bubble(text, false);
  } catch { /* the next look may succeed */ }
  setTimeout(listen, 1000);
}

document.getElementById("form").addEventListener("submit", event => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  bubble(text, true);
  pass({text});
});
for (const button of document.querySelectorAll("[data-event]")) button.addEventListener("click", () => pass({event: button.dataset.event}));
pass({event: "subscribe:"});
listen();
