// The puzzle that a caller without a page token solves before asking: a counter which, written behind the challenge, makes
// a sha-256 that begins with so many zero bits. It is begun while the form is filled in, and each is good once.

const FRESH_MS = 8 * 60 * 1000;  // the service takes an answer for ten minutes

let begun = null;  // {at, answer: promise of the headers}

/** Begin before it is needed. */
export function prepare(fetchChallenge) {
  if (begun !== null && Date.now() - begun.at < FRESH_MS) return begun;
  const mine = {at: Date.now(), answer: solve(fetchChallenge)};
  mine.answer.catch(() => { if (begun === mine) begun = null; });
  begun = mine;
  return mine;
}

/** The headers that carry a solution, for one request. */
export async function solved(fetchChallenge) {
  const {answer} = prepare(fetchChallenge);
  begun = null;
  return answer;
}

async function solve(fetchChallenge) {
  const {token, difficulty} = await fetchChallenge();
  const counter = await new Promise((found, failed) => {
    const worker = new Worker(new URL("./puzzle.js", import.meta.url));
    worker.onmessage = ({data}) => { worker.terminate(); found(data); };
    worker.onerror = event => { worker.terminate(); failed(new Error(event.message)); };
    worker.postMessage({token, difficulty});
  });
  return {"X-Challenge": token, "X-Challenge-Answer": counter};
}
