/**
 * What was asked and not yet sent, at both ends of a link: the flow control of docs/spec/paths.md. Twin of
 * core/credit.py. Counts only; positions and counts are blocks.
 */

import { BurrowError } from "./errors.js";

export const CREDIT = 32; // blocks: 8 MiB, whatever the path
export const PIECE = 4; // blocks asked at once: one small message for each MiB

/** The sender's end of one stream: ranges to send, in the order in which they were asked. */
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

/** What to ask of which stream. @typedef {{stream: number, from: number, upto: number}} Wish */

/** The receiver's end of a link of one or more streams: what to ask for, and what is on its way. `end`: the number of
 * positions, null while unknown. */
export class Asking {
  #next;
  /** Asked of each stream and not arrived. @type {Set<number>[]} */ #open = [];
  /** The same, from before a stop. @type {Set<number>[]} */ #stale = [];
  resting = false;

  /** @param {number} held @param {number | null} end @param {number} [streams] */
  constructor(held, end, streams = 1) {
    this.held = this.#next = held;
    this.end = end;
    while (this.#open.length < streams) this.addStream();
  }

  /** Blocks asked for and not arrived. */
  get outstanding() {
    return this.#open.reduce((sum, each) => sum + each.size, 0);
  }

  addStream() {
    this.#open.push(new Set());
    this.#stale.push(new Set());
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
    for (const [stream, waiting] of this.#open.entries()) {
      for (const each of waiting) this.#stale[stream].add(each);
      waiting.clear();
    }
  }

  /** Nothing that was asked before the stop is on its way any more. */
  settled() {
    for (const each of this.#stale) each.clear();
  }

  /** A block came in; whether it was asked of this stream. False is an attack or a mistake of the peer.
   * @param {number} stream @param {number} position */
  arrived(stream, position) {
    return this.#open[stream].delete(position) || this.#stale[stream].delete(position);
  }

  /** All positions before `held` are written. @param {number} held */
  moved(held) {
    this.held = Math.max(this.held, held);
  }

  /** What to ask for now: the stream with the least on its way comes first. @returns {Wish[]} */
  wants() {
    if (this.resting) return [];
    const limit = Math.min(this.held + CREDIT, this.end ?? Infinity);
    if (limit - this.#next < PIECE && this.outstanding && limit !== this.end) return [];
    const streams = this.#open.length;
    const most = streams === 1 ? CREDIT : 2 * Math.max(1, Math.floor(CREDIT / streams));
    /** @type {Wish[]} */ const found = [];
    while (this.#next < limit) {
      const least = Math.min(...this.#open.map((each) => each.size));
      const stream = this.#open.findIndex((each) => each.size === least);
      const room = Math.min(streams === 1 ? CREDIT : PIECE, limit - this.#next, most - least);
      if (room <= 0) break;
      const from = this.#next;
      this.#next += room;
      for (let each = from; each < this.#next; each++) this.#open[stream].add(each);
      found.push({ stream, from, upto: this.#next });
    }
    return found;
  }
}
