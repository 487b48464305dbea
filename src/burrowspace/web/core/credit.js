/**
 * What was asked and not yet sent, at both ends of a link of one stream: the flow control of docs/spec/paths.md. Twin
 * of client/credit.py. Counts only; positions and counts are blocks.
 */

import { BurrowError } from "./errors.js";

export const CREDIT = 32; // blocks: 8 MiB, whatever the path
export const PIECE = 4; // blocks asked at once: one small message for each MiB

/** The sender's end: ranges to send, in the order in which they were asked. */
export class Asked {
  /** @type {{from: number, upto: number}[]} */ #ranges = [];
  waiting = 0; // blocks asked and not yet taken by next(); never above CREDIT

  /** Adds [from, upto). bad-request when it is no range or more than CREDIT would wait. @param {number} from @param {number} upto */
  want(from, upto) {
    if (!(0 <= from && from < upto) || this.waiting + upto - from > CREDIT) {
      throw new BurrowError("bad-request", "the other side asked for more than its credit");
    }
    this.#ranges.push({ from, upto });
    this.waiting += upto - from;
  }

  /** Forgets everything asked. */
  stop() {
    this.#ranges = [];
    this.waiting = 0;
  }

  /** Whether `position` is what `next` would give. @param {number} position */
  follows(position) {
    return this.#ranges[0]?.from === position;
  }

  /** The position to send now, or null when nothing is asked. @returns {number | null} */
  next() {
    const range = this.#ranges[0];
    if (!range) return null;
    const position = range.from;
    range.from += 1;
    if (range.from >= range.upto) this.#ranges.shift();
    this.waiting -= 1;
    return position;
  }
}

/** The receiver's end: what to ask for, and what is on its way. `end`: the number of positions, null while unknown. */
export class Asking {
  #next;
  /** Asked and not arrived. @type {Set<number>} */ #open = new Set();
  /** The same, from before a stop. @type {Set<number>} */ #stale = new Set();
  resting = false;

  /** @param {number} held @param {number | null} end */
  constructor(held, end) {
    this.held = this.#next = held;
    this.end = end;
  }

  /** Blocks asked for and not arrived. */
  get outstanding() {
    return this.#open.size;
  }

  /** Asks from `held` on. @param {number} held @param {number | null} end */
  begin(held, end) {
    this.held = this.#next = held;
    this.end = end;
    this.resting = false;
  }

  /** Asks for nothing more; what is on its way may still arrive. */
  stop() {
    this.resting = true;
    for (const each of this.#open) this.#stale.add(each);
    this.#open.clear();
  }

  /** Nothing that was asked before the stop is on its way any more. */
  settled() {
    this.#stale.clear();
  }

  /** A block came in; whether it was asked for. False is an attack or a mistake of the peer. @param {number} position */
  arrived(position) {
    return this.#open.delete(position) || this.#stale.delete(position);
  }

  /** All positions before `held` are written. @param {number} held */
  moved(held) {
    this.held = Math.max(this.held, held);
  }

  /** What to ask for now, or null. @returns {{from: number, upto: number} | null} */
  wants() {
    if (this.resting) return null;
    const limit = Math.min(this.held + CREDIT, this.end ?? Infinity);
    if (limit <= this.#next) return null;
    if (limit - this.#next < PIECE && this.#open.size && limit !== this.end) return null;
    const from = this.#next;
    for (let each = from; each < limit; each++) this.#open.add(each);
    this.#next = limit;
    return { from, upto: limit };
  }
}
