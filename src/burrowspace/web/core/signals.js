/**
 * What the two ends say to each other, sealed: through a mailbox before and beside the blocks, and on a direct link.
 * Twin of core/signals.py. Everything parsed here was sealed by the other end, and is bounded all the same.
 *
 * A message is a plain object of its fields and `type`; unknown fields are dropped, missing ones get their default.
 * Spec: docs/spec/signalling.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Suite } from "./sealing.js"
 */

import { hex, joined, readU64, text, u64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { MANIFEST_BYTES, POSITIONS } from "./layout.js";
import { PACK_BYTES } from "./manifest.js";
import { Box, derive, SUITES } from "./sealing.js";

export const SIGNAL_BYTES = 60 * 1024; // of one message before sealing; a mailbox takes 64 KiB
export const CONTROL_BYTES = 32 * 1024; // of one control before sealing
export const SDP_CHARS = 60 * 1024;
export const CANDIDATES = 32; // addresses of each kind in one message
export const SESSIONS = 256; // of other ends that one channel remembers
export const SESSION_BYTES = 16;
export const PREFIX_BYTES = 24; // session, counter: in front of the sealed message, and bound to it

/** @typedef {"sender" | "receiver"} Role */
/** @typedef {[string, number]} Address */
/**
 * @typedef {{type: "offer", transfer: string, name: string, manifest_size: number, pack_size: number | null,
 *   suites: Suite[], may_store: boolean, created: number, version: number}} Offer
 * @typedef {{type: "hello", receiver: string, name: string, held: number, suites: Suite[], version: number}} Hello
 * @typedef {{type: "accept", suite: Suite, held: number}} Accept
 * @typedef {{type: "decline", why: string}} Decline
 * @typedef {{type: "candidates", tcp: Address[], observed: Address[]}} Candidates
 * @typedef {{type: "sdp", kind: "offer" | "answer", sdp: string, relayed: boolean, connections?: number}} Sdp
 * @typedef {{type: "ice", candidate: string, mid: string | null, line: number | null}} Ice
 * @typedef {{type: "leg", spool: string, first: number, suite: Suite, resting: boolean}} Leg
 * @typedef {{type: "leg-end", spool: string, upto: number}} LegEnd
 * @typedef {{type: "ask-relay", held: number}} AskRelay
 * @typedef {{type: "progress", held: number}} Progress
 * @typedef {{type: "verified", digest: string}} Verified
 * @typedef {{type: "cancel", why: string, code?: string}} Cancel
 * @typedef {{type: "bye"}} Bye
 * @typedef {{type: "want", from: number, upto: number}} Want
 * @typedef {{type: "stop"}} Stop
 * @typedef {{type: "held", held: number}} Held
 * @typedef {{type: "ping" | "pong", n: number}} Ping
 * @typedef {{type: "stream", n: number, kind: "offer" | "answer", sdp: string}} Stream
 * @typedef {Offer | Hello | Accept | Decline | Candidates | Sdp | Ice | Leg | LegEnd | AskRelay | Progress | Verified
 *   | Cancel | Bye} Signal
 * @typedef {Want | Stop | Held | Ping | Stream | Verified | Cancel | Bye} Control
 */

/** Whether a value is what a field may hold. @typedef {(value: any) => boolean} Fits */

/** @param {number} least @param {number} most @returns {Fits} */
const whole = (least, most) => (value) => Number.isInteger(value) && least <= value && value <= most;
/** @param {number} most @param {number} [least] @returns {Fits} */
const words = (most, least = 0) => (value) => {
  if (typeof value !== "string" || value.length > 2 * most || /\p{Surrogate}/u.test(value)) return false;
  const size = value.length > most || value.length < least ? [...value].length : value.length;
  return least <= size && size <= most;
};
/** @param {Fits} fits @returns {Fits} */
const orNull = (fits) => (value) => value === null || fits(value);
/** @param {Fits} fits @param {number} least @param {number} most @returns {Fits} */
const listOf = (fits, least, most) => (value) =>
  Array.isArray(value) && least <= value.length && value.length <= most && value.every(fits);
/** @param {...unknown} choices @returns {Fits} */
const oneOf = (...choices) => (value) => choices.includes(value);
/** @param {RegExp} shape @returns {Fits} */
const like = (shape) => (value) => typeof value === "string" && shape.test(value);

const id = like(/^[0-9a-f]{32}$/);
const digest = like(/^[0-9a-f]{64}$/);
const name = words(255);
const why = words(1000);
const position = whole(0, POSITIONS);
const version = whole(1, 2 ** 20);
const suite = oneOf(...Object.keys(SUITES));
const suites = listOf(suite, 1, 4);
const flag = oneOf(true, false);
const host = words(255, 1);
const port = whole(1, 65535);
const addresses = listOf(
  (pair) => Array.isArray(pair) && pair.length === 2 && host(pair[0]) && port(pair[1]),
  0,
  CANDIDATES,
);

/** A field in its place on the wire: a second item is the default; with a third one the default is not written, for the
 * other end may not know the field. @typedef {[Fits, unknown?, "new"?]} Field */
/** @type {Record<string, Record<string, Field>>} */
const BOTH = {
  verified: { digest: [digest] },
  cancel: { why: [why], code: [words(32), "", "new"] },
  bye: {},
};
/** @type {Record<string, Record<string, Field>>} */
const SIGNALS = {
  ...BOTH,
  offer: {
    transfer: [id],
    name: [name],
    manifest_size: [whole(1, MANIFEST_BYTES)],
    pack_size: [orNull(whole(0, PACK_BYTES))],
    suites: [suites],
    may_store: [flag],
    created: [whole(0, 2 ** 40 - 1)],
    version: [version, 1],
  },
  hello: { receiver: [id], name: [name], held: [position], suites: [suites], version: [version, 1] },
  accept: { suite: [suite, "A256GCM"], held: [position, 0] },
  decline: { why: [why] },
  candidates: { tcp: [addresses, []], observed: [addresses, []] },
  sdp: { kind: [oneOf("offer", "answer")], sdp: [words(SDP_CHARS)], relayed: [flag, false], connections: [whole(1, 64), 1, "new"] },
  ice: { candidate: [words(2000)], mid: [orNull(words(64)), null], line: [orNull(whole(0, 1024)), null] },
  leg: { spool: [id], first: [position], suite: [suite], resting: [flag] },
  "leg-end": { spool: [id], upto: [position] },
  "ask-relay": { held: [position] },
  progress: { held: [position] },
};
/** @type {Record<string, Record<string, Field>>} */
const CONTROLS = {
  ...BOTH,
  want: { from: [position], upto: [position] },
  stop: {},
  held: { held: [position] },
  ping: { n: [whole(0, Number.MAX_SAFE_INTEGER), 0] },
  pong: { n: [whole(0, Number.MAX_SAFE_INTEGER), 0] },
  stream: { n: [whole(1, 63)], kind: [oneOf("offer", "answer")], sdp: [words(CONTROL_BYTES)] },
};

/** @param {typeof SIGNALS} kinds @param {unknown} found @returns {any} */
function fitted(kinds, found) {
  const said = /** @type {Record<string, unknown>} */ (found);
  const type = typeof said === "object" && said !== null && !Array.isArray(said) ? said.type : undefined;
  if (typeof type !== "string" || !Object.hasOwn(kinds, type)) return unreadable();
  /** @type {Record<string, unknown>} */ const message = { type };
  for (const [field, row] of Object.entries(kinds[type])) {
    const value = Object.hasOwn(said, field) ? said[field] : row[1];
    if (value === undefined || !row[0](value)) return unreadable();
    message[field] = value;
  }
  return message;
}

/** @returns {never} */
function unreadable() {
  throw new BurrowError("bad-request", "a message of the other side cannot be read");
}

/** @param {Uint8Array} data @returns {unknown} */
function json(data) {
  try {
    return JSON.parse(text(data));
  } catch {
    return unreadable();
  }
}

/** As JSON, fields in their order. bad-request for what the other side would refuse. @param {Signal | Control} message @returns {Bytes} */
export function encode(message) {
  const kinds = Object.hasOwn(SIGNALS, message.type) ? SIGNALS : CONTROLS;
  const found = fitted(kinds, message);
  for (const [field, row] of Object.entries(kinds[message.type])) {
    if (row[2] && found[field] === row[1]) delete found[field];
  }
  return utf8(JSON.stringify(found));
}

/** A message of a mailbox. bad-request. @param {Uint8Array} data @returns {Signal} */
export function parseSignal(data) {
  if (data.length > SIGNAL_BYTES) throw new BurrowError("bad-request", "a signal is too long");
  return fitted(SIGNALS, json(data));
}

/** A message of a direct link. bad-request. @param {Uint8Array} data @returns {Control} */
export function parseControl(data) {
  if (data.length > CONTROL_BYTES) throw new BurrowError("bad-request", "a control is too long");
  /** @type {Control} */ const control = fitted(CONTROLS, json(data));
  if (control.type === "want" && control.upto < control.from) {
    throw new BurrowError("bad-request", "a want ends before it begins");
  }
  return control;
}

/**
 * One end's sealed words in one mailbox: what it says, and what it believes of what others said. Bound to the mailbox,
 * the role, the session and the counter, so nothing can be changed, moved, said again or thrown back.
 */
export class Channel {
  /** @type {Box} */ #box;
  #counter = 0;
  /** @type {Map<string, number>} */ #heard = new Map();

  /** @param {Uint8Array} secret @param {string} mailbox @param {Role} role @param {Uint8Array} session 16 random bytes */
  constructor(secret, mailbox, role, session) {
    if (session.length !== SESSION_BYTES) throw new TypeError(`a session has ${SESSION_BYTES} bytes`);
    this.mailbox = mailbox;
    this.role = role;
    this.session = session;
    this.#box = new Box(derive(secret, new Uint8Array(0), "burrow/1 signal"));
  }

  /** @param {Role} role @param {Uint8Array} prefix */
  #bound(role, prefix) {
    return joined(utf8(`burrow/1 signal\0${this.mailbox}\0${role}\0`), prefix);
  }

  /** The next message of this end. too-large. @param {Signal} message @param {Bytes} nonce 12 random bytes @returns {Promise<Bytes>} */
  async seal(message, nonce) {
    const plain = encode(message);
    if (plain.length > SIGNAL_BYTES) throw new BurrowError("too-large", `a signal has at most ${SIGNAL_BYTES} bytes`);
    this.#counter += 1;
    const prefix = joined(this.session, u64(this.#counter));
    return joined(prefix, await this.#box.seal(plain, this.#bound(this.role, prefix), nonce));
  }

  /** The other role's session (hex) and what it said. tampered for what it did not say, or said before; bad-request.
   * One at a time. @param {Bytes} data @returns {Promise<{session: string, signal: Signal}>} */
  async open(data) {
    if (data.length <= PREFIX_BYTES || data.length > PREFIX_BYTES + SIGNAL_BYTES + SUITES.A256GCM.overhead) {
      throw new BurrowError("tampered", "a signal has a length that none has");
    }
    const prefix = data.subarray(0, PREFIX_BYTES);
    const session = hex(prefix.subarray(0, SESSION_BYTES));
    const counter = readU64(prefix, SESSION_BYTES);
    const other = this.role === "sender" ? "receiver" : "sender";
    const plain = await this.#box.open(data.slice(PREFIX_BYTES), this.#bound(other, prefix));
    if (counter <= (this.#heard.get(session) ?? 0)) throw new BurrowError("tampered", "a signal was said again");
    if (!this.#heard.has(session) && this.#heard.size >= SESSIONS) {
      throw new BurrowError("too-many", `more than ${SESSIONS} sessions spoke in one mailbox`);
    }
    this.#heard.set(session, counter);
    return { session, signal: parseSignal(plain) };
  }
}
