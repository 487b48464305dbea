/**
 * Consent: what a receiver may request before its person has said yes, and what is said to the sender meanwhile. Twin of
 * core/consent.py, held to the same walks (tests/vectors/session.json). No clock, no socket, no question on a screen:
 * tell it what happened and it gives the acts that follow. Positions are blocks, times seconds of one clock.
 * Spec, with the table: docs/spec/session.md.
 */

import { CREDIT } from "./credit.js";

/** Blocks (8 MiB) behind the manifest that may be requested early. */
export const WINDOW = CREDIT;
/** Seconds after the question that the sender hears of it. */
export const SAY_FIRST = 1;
/** Seconds at most between two times that the sender hears that a person is deciding. */
export const SAY_EVERY = 5;

/** unasked: the manifest isn't whole yet. deciding: the person has the question.
 * @typedef {"unasked" | "deciding" | "yes" | "no"} Stage */
/** `go-on`: request blocks again; the pause was nobody's fault, so no path has stalled in it.
 * @typedef {"ask" | "say-deciding" | "say-accept" | "say-decline" | "go-on" | "close"} Act */

/** `beyond`: blocks beyond the manifest that may be requested, null: all. `says`: the sender hears that a person is
 * deciding. The reasons stand beside the rows of core/consent.py and in the spec.
 * @type {Readonly<Record<Stage, {beyond: number | null, says: boolean}>>} */
export const TABLE = {
  unasked: { beyond: WINDOW, says: false }, // the question shows the manifest, so it comes first
  deciding: { beyond: WINDOW, says: true }, // nothing more is wanted until somebody wants it
  yes: { beyond: null, says: false }, // everything is wanted; blocks that come say that somebody is there
  no: { beyond: 0, says: false }, // nothing is wanted any more: the sender hears it, the paths are closed
};

/** The receiver's side. `window`: blocks behind the manifest that this end can keep until the answer. */
export class Consent {
  /** @type {Stage} */ stage;
  /** @type {number} */ #manifestBlocks;
  /** @type {number} */ #window;
  #saidAt = 0;

  /** @param {number} manifestBlocks @param {number} [window] @param {boolean} [accepted] */
  constructor(manifestBlocks, window = WINDOW, accepted = false) {
    if (!(window >= 0 && window <= WINDOW)) throw new RangeError("more than may be requested before a yes");
    this.stage = accepted ? "yes" : "unasked";
    this.#manifestBlocks = manifestBlocks;
    this.#window = window;
  }

  get accepted() {
    return this.stage === "yes";
  }

  /** The position before which blocks may be requested. @param {number | null} positions @returns {number | null} null: all, whose number is not known */
  limit(positions) {
    const { beyond } = TABLE[this.stage];
    if (beyond === null) return positions;
    const limit = this.#manifestBlocks + Math.min(beyond, this.#window);
    return positions === null ? limit : Math.min(limit, positions);
  }

  /** Whether there is anything to request; where there is not, no path is in use, and none can stall.
   * @param {number} here so many positions in a row have come @param {number | null} positions */
  mayRequest(here, positions) {
    const limit = this.limit(positions);
    return this.stage !== "no" && (limit === null || here < limit);
  }

  /** The manifest is whole. @param {number} now @returns {Act[]} */
  know(now) {
    if (this.stage !== "unasked") return [];
    this.stage = "deciding";
    this.#saidAt = now + SAY_FIRST - SAY_EVERY;
    return ["ask"];
  }

  /** @param {number} now @returns {Act[]} */
  tick(now) {
    if (!TABLE[this.stage].says || now - this.#saidAt < SAY_EVERY) return [];
    this.#saidAt = now;
    return ["say-deciding"];
  }

  /** The person has answered; the first answer counts. @param {boolean} yes @returns {Act[]} */
  answer(yes) {
    if (this.stage !== "deciding") return [];
    this.stage = yes ? "yes" : "no";
    return yes ? ["say-accept", "go-on"] : ["say-decline", "close"];
  }
}

/** The same person, as the sender sees them: by what their program said and asked for. */
export class Person {
  held = 0;
  /** @type {Stage | null} */ #said = null;

  /** @param {number} manifestBlocks */
  constructor(manifestBlocks) {
    this.manifestBlocks = manifestBlocks;
  }

  /** @returns {Stage} */
  get stage() {
    return this.#said ?? (this.held < this.manifestBlocks ? "unasked" : "deciding");
  }

  /** The position before which blocks may go to the server for this person; null: all. */
  get limit() {
    const { beyond } = TABLE[this.stage];
    return beyond === null ? null : this.manifestBlocks + beyond;
  }

  /** They have the question: a wait that is no stall, and is shown. */
  get deciding() {
    return this.stage === "deciding";
  }

  /** So many positions are verified and written there; nobody writes before the yes. @param {number} held */
  holds(held) {
    this.held = Math.max(this.held, held);
    if (held > this.manifestBlocks) this.accepts();
  }

  /** A block was asked for; nobody asks beyond the window before the yes. @param {number} position */
  requests(position) {
    if (position >= this.manifestBlocks + WINDOW) this.accepts();
  }

  accepts() {
    this.#said ??= "yes";
  }

  declines() {
    this.#said = "no";
  }
}
