/**
 * A code that one person says to another, and what two programs make of it: the same secret, or nothing. Twin of
 * core/codes.py.
 *
 * `7-walnut-orbit` is a number that the server gave out and two words that it never learns; a code that replaces a
 * burnt one has three words. SPAKE2 turns the words into a key that only somebody who used the same ones shares, and one
 * wrong guess shows. When a code is burnt is decided by meeting-rules.js. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { hmac, sha256 } from "../vendor/noble-hashes.js";
import { base64, joined, same, text, u32, unbase64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { shown } from "./names.js";
import { cleaned, codesIn, PASTED_CHARS, SEPARATED } from "./pasted.js";
import { Box, derive, SECRET_BYTES } from "./sealing.js";
import { spake2 } from "./spake2.js";
import { KNOWN, nearest, pick } from "./words.js";

export const NAMEPLATE_MOST = 999_999_999;
export const CODE_CHARS = 100; // of a code, without what stands around it
export const PAKE_BYTES = 33; // "S" and a point of Ed25519
export const MEETING_BYTES = 8192; // of one message, as JSON
export const FINGERPRINTS = 16; // of one end
export const NAME_CHARS = 64; // of an end that says that its code was used
const WORD_COUNTS = [2, 3]; // of a first code, and of one that replaces a burnt one
const HOW = "a code is a number and two or three words, like 7-walnut-orbit";
const BETWEEN = new RegExp(`^${SEPARATED}$`);
const NOTHING = new Uint8Array(0);

/** @typedef {"sender" | "receiver"} Role */
/** @typedef {{nameplate: number, words: string[]}} Code */

/** As people say it. @param {Code} code */
export function formatCode(code) {
  return [code.nameplate, ...code.words].join("-");
}

/** A code of a number that the server gave and two random bytes for each word. bad-code. @param {number} nameplate @param {Uint8Array} entropy @returns {Code} */
export function makeCode(nameplate, entropy) {
  if (!(Number.isInteger(nameplate) && 1 <= nameplate && nameplate <= NAMEPLATE_MOST)) {
    bad("a code's number is not one that a server gives out");
  }
  const words = pick(entropy);
  if (!WORD_COUNTS.includes(words.length)) throw new TypeError("a code has two or three words");
  return { nameplate, words };
}

/**
 * What a person typed or pasted, with what stands around it (core/pasted.js). bad-code teaches; its field `suggestion` is
 * what was probably meant, where that can be told.
 *
 * @param {string} typed
 * @returns {Code}
 */
export function parseCode(typed) {
  /** @type {BurrowError | null} */ let refused = null;
  for (const places of codesIn(typed)) {
    /** @type {Map<string, Code>} */ const found = new Map();
    for (const place of places) {
      try {
        const code = parsed(place);
        found.set(formatCode(code), code);
      } catch (error) {
        if (!(error instanceof BurrowError)) throw error;
        if (!refused || (error.fields.suggestion && !refused.fields.suggestion)) refused = error;
      }
    }
    if (found.size > 1) bad("there is more than one code in it; give one of them", { reason: "several-codes" });
    for (const code of found.values()) return code;
    if (refused?.fields.suggestion) break; // it stands there, with a slip; what is cut out of it would be another code
  }
  if (refused) throw refused;
  return parsed(cleaned(typed.slice(0, PASTED_CHARS + 1)));
}

/** @param {string} text @returns {Code} */
function parsed(text) {
  const plain = text.toLowerCase();
  if (plain.length > CODE_CHARS) bad(`that is too long for a code; ${HOW}`);
  if (plain.includes("#") || plain.includes("://")) {
    bad("that looks like a link and not like a code; give the whole link, from http to its end", { reason: "link-cut" });
  }
  const number = /^[0-9]*/.exec(plain)?.[0] ?? "";
  if (!number) bad(`the number in front is missing; ${HOW}`);
  if (number.length > 9 || !Number(number)) bad(`no server gives out that number; ${HOW}`);
  const rest = plain.slice(number.length);
  if (!BETWEEN.test(rest)) bad(`there is a character in it that no code has; ${HOW}`);
  return { nameplate: Number(number), words: wordsOf(Number(number), rest.match(/[a-z]+/g) ?? []) };
}

/** @param {number} number @param {string[]} parts @returns {string[]} */
function wordsOf(number, parts) {
  const words = parts.flatMap(apart);
  if (!WORD_COUNTS.includes(words.length)) {
    bad(`there ${words.length === 1 ? "is one word" : `are ${words.length} words`} in it; ${HOW}`);
  }
  const wrong = words.filter((word) => !KNOWN.has(word));
  if (!wrong.length) return words;
  const meant = words.map((word) => (KNOWN.has(word) ? word : nearest(word)));
  if (meant.includes(null)) bad(`“${wrong[0]}” is not a word of codes; ask for the code again, ${HOW}`, { reason: "unknown-word", word: wrong[0].slice(0, 40) });
  const suggestion = [number, ...meant].join("-");
  return bad(`“${wrong[0]}” is not a word of codes; did you mean ${suggestion}?`, { reason: "suggestion", word: wrong[0].slice(0, 40), suggestion });
}

/** The words that were written together, or the run itself where it is not made of words. No word begins with another
 * one, so there is one way at most. @param {string} run @returns {string[]} */
function apart(run) {
  const words = [];
  for (let at = 0, end = 1; at < run.length; end++) {
    if (end > run.length) return [run];
    if (!KNOWN.has(run.slice(at, end))) continue;
    words.push(run.slice(at, end));
    at = end;
  }
  return words;
}

/** @param {string} sentence @param {Record<string, unknown>} [fields] @returns {never} */
function bad(sentence, fields) {
  throw new BurrowError("bad-code", sentence, fields);
}

// What travels through the nameplate's mailbox: JSON, not sealed, bytes as base64

/**
 * @typedef {{type: "pake", role: Role, pake: Bytes, fingerprints: string[]}} Opening
 * @typedef {{type: "confirm", role: Role, mac: Bytes}} Confirmation
 * @typedef {{type: "secret", sealed: Bytes}} Handover
 * @typedef {{type: "used", sealed: Bytes}} Used instead of the secret: somebody else has used the code, which works once
 * @typedef {Opening | Confirmation | Handover | Used} Meeting
 */

/** @param {Meeting} said @returns {Bytes} */
export function encodeMeeting(said) {
  if (said.type === "pake") {
    const { type, role, pake, fingerprints } = said;
    return utf8(JSON.stringify({ type, role, pake: base64(pake), fingerprints }));
  }
  if (said.type === "confirm") return utf8(JSON.stringify({ type: said.type, role: said.role, mac: base64(said.mac) }));
  return utf8(JSON.stringify({ type: said.type, sealed: base64(said.sealed) }));
}

/** bad-request for what is no message of a meeting. @param {Uint8Array} data @returns {Meeting} */
export function parseMeeting(data) {
  if (data.length > MEETING_BYTES) throw new BurrowError("bad-request", "a message of a meeting is too long");
  try {
    const { type, role, pake, fingerprints = [], mac, sealed } = JSON.parse(text(data));
    if (type === "secret") return { type, sealed: sized(sealed, 60) };
    if (type === "used") return { type, sealed: sized(sealed, 28, 28 + 4 * NAME_CHARS) };
    if (role !== "sender" && role !== "receiver") throw new TypeError("role");
    if (type === "confirm") return { type, role, mac: sized(mac, 32) };
    if (type !== "pake" || !Array.isArray(fingerprints) || fingerprints.length > FINGERPRINTS) {
      throw new TypeError("type");
    }
    for (const each of fingerprints) {
      if (typeof each !== "string" || !each || [...each].length > 255 || /\p{Surrogate}/u.test(each)) {
        throw new TypeError("fingerprint");
      }
    }
    return { type, role, pake: sized(pake, PAKE_BYTES), fingerprints };
  } catch {
    throw new BurrowError("bad-request", "a message of a meeting cannot be read");
  }
}

/** @param {unknown} spelled @param {number} least @param {number} [most] @returns {Bytes} */
function sized(spelled, least, most = least) {
  const bytes = unbase64(/** @type {string} */ (spelled));
  if (bytes.length < least || bytes.length > most) throw new TypeError("size");
  return bytes;
}

// The key

/** Each with its length in front, after their number: no two lists give the same bytes. @param {Uint8Array[]} parts */
function packed(parts) {
  return joined(u32(parts.length), ...parts.flatMap((part) => [u32(part.length), part]));
}

/** By their UTF-8 bytes. @param {readonly string[]} marks */
function sorted(marks) {
  return marks
    .map((mark) => utf8(mark))
    .sort((one, other) => {
      for (let at = 0; at < Math.min(one.length, other.length); at++) {
        if (one[at] !== other[at]) return one[at] - other[at];
      }
      return one.length - other.length;
    });
}

/** One end of SPAKE2, good for one meeting. */
export class Pake {
  /** @type {Code} */ #code;
  /** @type {Awaited<ReturnType<typeof spake2>>} */ #end;

  /** @param {Code} code @param {Role} role @param {Awaited<ReturnType<typeof spake2>>} end @param {readonly string[]} marks */
  constructor(code, role, end, marks) {
    this.role = role;
    this.#code = code;
    this.#end = end;
    /** @type {Opening} */
    this.opening = { type: "pake", role, pake: end.message, fingerprints: sorted(marks).map(text) };
  }

  /**
   * @param {Code} code
   * @param {Role} role
   * @param {Bytes} entropy 64 random bytes
   * @param {readonly string[]} [fingerprints] of this end's direct paths
   */
  static async make(code, role, entropy, fingerprints = []) {
    const identity = utf8(`burrow/1 code${code.nameplate}`);
    return new Pake(code, role, await spake2(utf8(code.words.join("-")), identity, entropy), fingerprints);
  }

  /** What both ends know now, if they used the same code; not known before `Agreed.check`. tampered.
   * @param {Opening} other @returns {Agreed} */
  finish(other) {
    if (other.role === this.role || same(other.pake, this.opening.pake)) {
      throw new BurrowError("tampered", "an end of a meeting met itself");
    }
    const key = this.#end.finish(other.pake);
    const sides = this.role === "sender" ? [this.opening, other] : [other, this.opening];
    const parts = [utf8("burrow/1 meeting"), utf8(String(this.#code.nameplate)), ...sides.map((side) => side.pake)];
    parts.push(...sides.map((side) => packed(sorted(side.fingerprints))));
    return new Agreed(this.role, key, sha256(packed(parts)));
  }
}

/** A key that is the other end's too, if it used the same code: `check` says so, and nothing is handed over before. */
export class Agreed {
  /** @type {Bytes} */ #key;
  #confirmed = false;

  /** @param {Role} role @param {Bytes} key @param {Bytes} transcript */
  constructor(role, key, transcript) {
    this.role = role;
    this.transcript = transcript;
    this.#key = key;
  }

  /** @param {Role} role */
  #mac(role) {
    return hmac(sha256, derive(this.#key, NOTHING, `burrow/1 confirm ${role}`), this.transcript);
  }

  /** What this end says to prove that it used the same code. @returns {Confirmation} */
  get confirmation() {
    return { type: "confirm", role: this.role, mac: this.#mac(this.role) };
  }

  /** wrong-code unless the other end knows the key and saw the same messages. The code is burnt either way.
   * @param {Confirmation} other */
  check(other) {
    const theirs = this.role === "sender" ? "receiver" : "sender";
    if (other.role !== theirs || !same(other.mac, this.#mac(theirs))) {
      throw new BurrowError("wrong-code", "the other side did not use this code; this code can't be used again. Ask the sender for a new one", { reason: "wrong-code" });
    }
    this.#confirmed = true;
  }

  /** The sender: 32 bytes of secret, sealed. @param {Bytes} secret @param {Bytes} nonce 12 random bytes @returns {Promise<Handover>} */
  async handOver(secret, nonce) {
    this.#mustBe("sender");
    if (secret.length !== SECRET_BYTES) throw new TypeError(`a secret has ${SECRET_BYTES} bytes`);
    return { type: "secret", sealed: await this.#box("handover").seal(secret, this.#bound("handover"), nonce) };
  }

  /** The receiver: the secret. tampered, wrong-code. @param {Handover} handover @returns {Promise<Bytes>} */
  async takeOver(handover) {
    this.#mustBe("receiver");
    return this.#box("handover").open(handover.sealed, this.#bound("handover"));
  }

  /** The sender: what it is called, sealed, at most NAME_CHARS of it. wrong-code before a good `check`.
   * @param {string} name @param {Bytes} nonce 12 random bytes @returns {Promise<Used>} */
  async sayUsed(name, nonce) {
    this.#mustBe("sender");
    return { type: "used", sealed: await this.#box("used").seal(utf8(shown(name, NAME_CHARS)), this.#bound("used"), nonce) };
  }

  /** The receiver: what the sender is called, fit to be shown. tampered, wrong-code. @param {Used} used */
  async whoOffers(used) {
    this.#mustBe("receiver");
    const name = await this.#box("used").open(used.sealed, this.#bound("used"));
    return shown(new TextDecoder("utf-8", { ignoreBOM: true }).decode(name), NAME_CHARS);
  }

  /** @param {string} purpose */
  #box(purpose) {
    return new Box(derive(this.#key, NOTHING, `burrow/1 ${purpose}`));
  }

  /** @param {string} purpose */
  #bound(purpose) {
    return joined(utf8(`burrow/1 ${purpose}`), this.transcript);
  }

  /** @param {Role} role */
  #mustBe(role) {
    if (this.role !== role) throw new TypeError(`only the ${role} does this`);
    if (!this.#confirmed) throw new BurrowError("wrong-code", "the other side has not proved that it used this code");
  }
}

/** Four words that both people may compare. With a link, the transfer's id stands for the transcript.
 * @param {Uint8Array} secret @param {Uint8Array} transcript @returns {string[]} */
export function checkWords(secret, transcript) {
  return pick(derive(secret, transcript, "burrow/1 check words", 8));
}
