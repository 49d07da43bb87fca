// A worker: finds the answer to a challenge. Hashing here and not by WebCrypto: its promise per hash costs twenty times the hash, and
// it does not exist where the bank tests without TLS.
"use strict";

const K = Uint32Array.from(roots(64, 1 / 3)), START = Uint32Array.from(roots(8, 1 / 2));

/** The first 32 bits of the fractional parts of roots of primes (FIPS 180-4, 4.2.2 and 5.3.3). */
function roots(count, power) {
  const found = [];
  for (let n = 2; found.length < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (prime) { const root = n ** power; found.push(((root - Math.floor(root)) * 2 ** 32) >>> 0); }
  }
  return found;
}

const words = new Uint32Array(64), turn = (x, by) => (x >>> by) | (x << (32 - by));

/** One block of sha-256: `state` goes on from there. */
function compress(state, view, at) {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const a = words[i - 15], b = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

/** The sha-256 of `bytes`, of which the first `done` bytes (whole blocks) have led to `begun`. */
function finished(begun, done, bytes) {
  const rest = bytes.length - done, blocks = ((rest + 8) >> 6) + 1, padded = new Uint8Array(blocks * 64), view = new DataView(padded.buffer);
  padded.set(bytes.subarray(done));
  padded[rest] = 0x80;
  view.setUint32(padded.length - 4, bytes.length * 8);
  const state = begun.slice();
  for (let at = 0; at < padded.length; at += 64) compress(state, view, at);
  return state;
}

function zeroBits(state) {
  let bits = 0;
  for (const word of state) {
    if (word === 0) { bits += 32; continue; }
    return bits + Math.clz32(word);
  }
  return bits;
}

/** The smallest counter whose digits behind `token` make a hash with so many leading zero bits. */
function solve(token, difficulty) {
  const encoder = new TextEncoder(), head = encoder.encode(token), done = head.length & ~63, begun = START.slice();
  for (let at = 0; at < done; at += 64) compress(begun, new DataView(head.buffer), at);  // the same for every counter
  for (let counter = 0; ; counter++) {
    if (zeroBits(finished(begun, done, encoder.encode(token + counter))) >= difficulty) return String(counter);
  }
}

onmessage = ({data: {token, difficulty}}) => postMessage(solve(token, difficulty));
