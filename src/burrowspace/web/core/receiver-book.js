/**
 * The life of one receiver, as its sender sees it: it is met, takes blocks, goes, comes back, has everything. Twin of
 * core/receiver_book.py, held to the same walks (tests/vectors/session.json). Tell it what was heard of the receiver and
 * what time it is; it gives the acts that follow. No clock, no socket. Spec, with both tables: docs/spec/session.md.
 *
 * @import { Path } from "./paths.js"
 * @import { Part } from "./segments.js"
 */

import { Person } from "./consent.js";
import { CREDIT } from "./credit.js";
import { GONE, isDirect } from "./paths.js";

const CHECK_EVERY = 5; // s between two questions about one of whom nothing is heard
const STUCK = 20; // s without a word and a byte, after which an open request says nothing: its line may be dead
const STORE_AGAIN = 10; // s until it is tried again to store the rest
const LOOK_EVERY = 1; // s between two looks at its segment
const LOOK_UNREAD = 0.1; // the same, while nobody has read it yet
const TELL_EVERY = 0.2; // s between two words of progress

/** What the driver does next, in this order; what each one means stands in core/receiver_book.py.
 * @typedef {"tell-met" | "introduce" | "catch-up" | "give" | "wake" | "want" | "drop" | "look" | "check" | "store"
 *   | "forget" | "compare" | "tell-path" | "tell-deciding" | "tell-progress" | "tell-offline" | "tell-away"
 *   | "tell-verified" | "tell-over" | "fail" | "close-links" | "close"} Act */
/** Here: by a link, at its segment, or by a word not long ago.
 * @typedef {"over" | "done" | "deciding" | "holding" | "met" | "stored" | "gone"} Stage */

/** @typedef {object} Facts
 * @property {boolean} over
 * @property {boolean} verified
 * @property {boolean} here
 * @property {import("./consent.js").Stage} answer
 * @property {boolean} stored */

/** The stages, in the order in which they are read, and what is done again and again in each. The reasons stand beside
 * the rows of core/receiver_book.py and in the spec. @type {[Stage, (facts: Facts) => boolean, Act | null][]} */
export const LIFE = [
  ["over", ({ over }) => over, null],
  ["done", ({ verified }) => verified, null],
  ["deciding", ({ here, answer }) => here && answer === "deciding", null], // its own word shows it, every 5 s
  ["holding", ({ here, answer }) => here && answer === "yes", "tell-progress"],
  ["met", ({ here }) => here, "tell-progress"],
  ["stored", ({ stored }) => stored, null], // a hello brings it back
  ["gone", () => true, "check"], // silence may be our own
];

/** How things stand once the server was asked about one that is silent.
 * @typedef {{reached: boolean, stage: Stage, undecided: boolean, byCode: boolean, mayStore: boolean}} Asked */

/** What is done then; the first rule that applies. @type {[Act | null, (asked: Asked) => boolean][]} */
export const SILENT = [
  ["tell-offline", ({ reached }) => !reached],
  [null, ({ stage }) => stage !== "gone"], // it was heard meanwhile, or needs nothing
  ["forget", ({ byCode, undecided }) => byCode && undecided], // a code works once
  ["store", ({ mayStore }) => mayStore],
  ["tell-away", () => true],
];

export class ReceiverBook {
  verified = false;
  over = false;
  /** @type {Path | null} */ path = null;
  /** When a block last went by a link. */ directAt = -Infinity;

  #met = false;
  #recalled = false;
  #left = false; // in good order, until its next hello
  #links = 0;
  /** @type {number} */ #heardAt;
  #following = false; // somebody reads its segment
  /** When its segment last moved, and how far it was then. @type {{at: number, held: number, written: number}} */ #moved;
  #giving = false;
  #looking = false;
  #checking = false;
  #comparing = false;
  #stored = false;
  #lookedAt = -Infinity;
  #toldAt = -Infinity;
  #checkAfter = -Infinity;

  /** `held`: so many positions it holds at least, by all that it said and requested. `alone`: nobody else is to come.
   * @param {number} manifestBlocks @param {number} held @param {number} now @param {boolean} [mayStore] @param {boolean} [alone] */
  constructor(manifestBlocks, held, now, mayStore = true, alone = true) {
    this.person = new Person(manifestBlocks);
    this.held = held;
    this.person.holds(held);
    this.mayStore = mayStore;
    this.alone = alone;
    this.#heardAt = now;
    this.#moved = { at: now, held: 0, written: 0 };
  }

  // where it stands

  /** @param {number} now */
  here(now) {
    if (this.#comparing) return true; // it may have everything: nothing is done about its silence before that is known
    if (this.#left) return false;
    if (this.#links || now - this.#heardAt < GONE) return true;
    return this.#following && now - this.#moved.at < STUCK;
  }

  /** @param {number} now @returns {Stage} */
  stage(now) {
    return this.#row(now)[0];
  }

  /** @param {number} now */
  #row(now) {
    const { over, verified, person } = this;
    const facts = { over, verified, here: this.here(now), answer: person.stage, stored: this.#stored };
    return LIFE.find(([, applies]) => applies(facts)) ?? LIFE[LIFE.length - 1];
  }

  /** How far it is. An older receiver seldom says so, but its segment runs only so far ahead of it. @param {Part | null} part */
  position(part) {
    if (part?.at == null || part.rests || !this.#following) return this.held;
    return Math.max(this.held, part.first, part.at - 3 * CREDIT);
  }

  // it comes, and goes

  /** All that it said to an earlier run of the sender was told. @param {boolean} [left] its last word was a bye */
  recalled(left = false) {
    this.#recalled = true;
    this.#left = left;
  }

  /** It is here (again), with so much: it may have lost some. @param {number} now @param {number} held @returns {Act[]} */
  hello(now, held) {
    this.held = held;
    this.#heardAt = this.#toldAt = now;
    this.person.holds(held);
    this.#stored = this.#left = false;
    /** @type {Act[]} */ const acts = this.#met ? [] : ["tell-met"];
    if (this.#met || this.#recalled) acts.push("introduce");
    this.#met = true;
    if (held) acts.push("catch-up");
    return acts;
  }

  /** Any word, by the server or a link. @param {number} now */
  heard(now) {
    this.#heardAt = now;
  }

  /** In good order: bye. @param {boolean} byCode @returns {Act[]} */
  leaves(byCode) {
    this.#left = true;
    if (this.over || this.verified || !byCode || this.person.limit === null) return ["close-links"];
    this.over = true;
    return ["close-links", "forget"];
  }

  linked() {
    this.#links += 1;
  }

  /** @param {number} now */
  unlinked(now) {
    this.#links -= 1;
    this.#heardAt = now;
  }

  // what it says

  /** @param {number} held */
  holds(held) {
    this.held = Math.max(this.held, held);
    this.person.holds(held);
  }

  /** By a link, where nobody requests more than the credit beyond what it holds. @param {number} now @param {number} position */
  requests(now, position) {
    this.directAt = now;
    this.held = Math.max(this.held, position - CREDIT + 1);
    this.person.requests(position);
  }

  /** For a segment. @param {number} held @returns {Act[]} */
  asks(held) {
    this.holds(held);
    if (this.#giving) return [];
    this.#giving = true;
    return ["give"];
  }

  /** It holds so much; by a link it says so on the link. @param {number} now @param {number} held
   * @param {boolean | null} rests its segment does; null: it has none @returns {Act[]} */
  progress(now, held, rests) {
    const more = held > this.held;
    this.holds(held);
    if (this.person.deciding) {
      if (this.verified || this.over) return [];
      this.#toldAt = now;
      return ["tell-deciding"];
    }
    return more && rests !== null ? this.#bySegment(rests) : [];
  }

  /** @param {number} held @returns {Act[]} */
  accepts(held) {
    this.holds(held);
    this.person.accepts();
    return ["wake"];
  }

  /** @returns {Act[]} */
  verifies() {
    if (this.verified || this.over || this.#comparing) return [];
    this.#comparing = true;
    return ["compare"];
  }

  /** @param {boolean} same @returns {Act[]} */
  compared(same) {
    this.#comparing = false;
    if (this.verified || this.over) return [];
    if (!same) return this.ends();
    this.verified = true;
    return ["tell-verified"];
  }

  /** @returns {Act[]} */
  declines() {
    this.person.declines();
    return this.ends();
  }

  /** It called it off, or must not be served; with one receiver, that is the end of the transfer. @returns {Act[]} */
  ends() {
    if (this.over) return [];
    this.over = true;
    return this.alone ? ["fail"] : ["drop", "tell-over", "close"];
  }

  // by which path

  /** The first block by another path; a link does the work of a segment. @param {Path} path @returns {Act[]} */
  goesBy(path) {
    if (path === this.path) return [];
    this.path = path;
    return isDirect(path) ? ["tell-path", "drop"] : ["tell-path"];
  }

  /** @param {boolean} rests @returns {Act[]} */
  #bySegment(rests) {
    return ["want", ...this.goesBy(rests ? "store" : "relay")];
  }

  /** It has a segment, or none can be had; then it asks again. */
  given() {
    this.#giving = false;
  }

  // time passes, the server answers

  /** @param {number} now @param {Part | null} part its segment @param {boolean} wanted it was read, or may rest
   * @returns {Act[]} */
  tick(now, part, wanted) {
    if (this.over || this.verified) return [];
    const written = part?.at ?? 0;
    if (this.held !== this.#moved.held || written !== this.#moved.written) this.#moved = { at: now, held: this.held, written };
    /** @type {Act[]} */ const acts = [];
    if (part && this.#lookDue(now, wanted || part.whole)) {
      this.#looking = true;
      acts.push("look");
    }
    const act = this.#row(now)[2];
    if (act === "tell-progress" && this.path && now - this.#toldAt >= TELL_EVERY) {
      this.#toldAt = now;
      acts.push(act);
    } else if (act === "check" && !this.#checking && now > this.#checkAfter) {
      this.#checking = true;
      this.#checkAfter = now + CHECK_EVERY;
      acts.push(act);
    }
    return acts;
  }

  /** It says nothing while it reads, so the server is asked. @param {number} now @param {boolean} calm */
  #lookDue(now, calm) {
    return !this.#looking && now - this.#lookedAt > (calm ? LOOK_EVERY : LOOK_UNREAD);
  }

  /** @param {number} now @param {boolean} following @param {boolean} rests @returns {Act[]} */
  looked(now, following, rests) {
    this.#looking = false;
    this.#lookedAt = now;
    this.#following = following;
    return following ? this.#bySegment(rests) : [];
  }

  /** Whether the server answered; what is done about one that is silent.
   * @param {number} now @param {boolean} reached @param {boolean} byCode @returns {Act[]} */
  reached(now, reached, byCode) {
    this.#checking = false;
    const { mayStore, person } = this;
    const asked = { reached, stage: this.stage(now), undecided: person.limit !== null, byCode, mayStore };
    const act = SILENT.find(([, applies]) => applies(asked))?.[0] ?? null;
    if (act === "store") this.#stored = true;
    if (act === "forget") this.over = true;
    return act ? [act] : [];
  }

  stored() {
    this.path = "store";
  }

  /** It can't rest there now, or the server takes no more of its segment. @param {number} now */
  notStored(now) {
    this.#stored = false;
    this.#checkAfter = now + STORE_AGAIN;
  }
}
