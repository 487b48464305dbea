/**
 * What a receiver says of how far it is while blocks come: to its sender, and to its own person. Twin of
 * core/reports.py, held to the same walks (tests/vectors/session.json). Tell it what time it is and how things stand,
 * and it says whether to speak now. No clock, no socket, no screen. Times are seconds of one clock. Spec:
 * docs/spec/session.md.
 *
 * @import { Path } from "./paths.js"
 * @import { Reason } from "./reasons.js"
 * @import { Silence } from "./silence.js"
 */

const SAY_HELD = 0.25; // between two words on a link
const SAY = 1; // between two words through the mailbox
const SAY_ALIVE = 4; // until it is said without a new block, where bytes came

const TELL = 0.1; // between two words to the person
const STILL = 4; // without a byte, after which a path that is in use moves nothing
const IDLE = 2; // without a path, after which the person is told why
const LOOK_AGAIN = 5; // between two looks whether the server answers
const TELL_AGAIN = 10; // until the same reason is told again
const SLOW = 5; // without a byte of what goes to rest, after which that is told

export class ToSender {
  /** When it was said last, and what. */ #at = -Infinity;
  #held = -1;
  #underWay = false;

  /** `path` carries, and bytes came by it last at `movedAt`. What it gives counts as said: "held" on the link,
   * "progress" through the mailbox. @param {number} now @param {Path | null} path @param {number} held
   * @param {number} movedAt @returns {"held" | "progress" | null} */
  tick(now, path, held, movedAt) {
    if (path === null) return null;
    const byMailbox = path === "relay" || path === "store";
    const every = byMailbox ? SAY : SAY_HELD;
    // A block may take long on a slow line.
    const news = held !== this.#held || (byMailbox && movedAt > this.#at + SAY_ALIVE);
    if (!news || now - this.#at < every || (byMailbox && this.#underWay)) return null;
    this.#at = now;
    this.#held = held;
    this.#underWay ||= byMailbox;
    return byMailbox ? "progress" : "held";
  }

  /** The mailbox has it, or cannot be reached: one word at a time, so a server that is busy sets the pace. */
  arrived() {
    this.#underWay = false;
  }
}

/**
 * How things stand for a receiver.
 *
 * @typedef {object} Standing
 * @property {number} now
 * @property {boolean} carries a path is in use
 * @property {number} movedAt when the last byte came
 * @property {number} idleSince when a path was in use last
 * @property {boolean} deciding its person has been asked
 * @property {boolean} network this device has one at all
 * @property {boolean} away a call of ours found no server
 * @property {boolean} senderHere
 * @property {boolean} nothingLeft of what the sender left on the server
 * @property {number} heardAt when the sender said something last
 * @property {boolean} linked there is a direct link to the sender
 * @property {boolean} [silent] the sender reads its standard input and does not answer; `ToPerson` knows
 */

/** What is done about the person now. `look`: first ask the server, for it may be we who are cut off. `ask` the sender,
 * for a segment: whether it lives. `end`: it was stopped and cannot come back.
 * @typedef {"progress" | "waiting" | "look" | "ask" | "end"} Tell */

/** Why nothing moves: the first that applies. @type {[Reason, (standing: Standing) => boolean | undefined][]} */
export const WHY = [
  ["offline", ({ network }) => !network],
  ["away", ({ away }) => away],
  ["sender-left", ({ senderHere, nothingLeft }) => !senderHere && nothingLeft],
  ["sender-silent", ({ silent }) => silent],
  ["waits", () => true],
];

/** Whether a person is told why nothing moves: the same reason again only after a while. */
export class Reasons {
  #why = "";
  #saidAt = -Infinity;

  /** What it gives counts as told. @param {number} now @param {string} why */
  due(now, why) {
    if (why === this.#why && now - this.#saidAt < TELL_AGAIN) return false;
    this.#why = why;
    this.#saidAt = now;
    return true;
  }

  /** Whatever stands still from now on is news. */
  moved() {
    this.#why = "";
  }
}

/** What the receiver's person sees: progress, or why there is none. */
export class ToPerson {
  #silence;
  #toldAt = -Infinity;
  #lookedAt = -Infinity;
  #reasons = new Reasons();
  #network = true;
  #looking = false;
  #offline = false;
  #ends = false; // after this look, if the server answers

  /** @param {Silence | null} [silence] the sender cannot come back */
  constructor(silence = null) {
    this.#silence = silence;
  }

  /** `waiting` and `end` come with their reason. @param {Standing} found @returns {[Tell, Reason | null] | null} */
  tick(found) {
    const standing = { ...found, away: found.away || this.#offline };
    const { now, carries, movedAt, idleSince, deciding, network } = standing;
    if (this.#silence) {
      const asks = this.#asks(standing, this.#silence);
      if (asks) return asks;
      standing.silent = this.#silence.warned;
    }
    if (network !== this.#network) {
      this.#network = network;
      return this.#waits(now, network ? "online" : "offline");
    }
    if (now - this.#toldAt < TELL) return null;
    this.#toldAt = now;
    if (carries && now - movedAt <= STILL) {
      this.#reasons.moved();
      return ["progress", null];
    }
    if (deciding || this.#looking || !(carries || now - idleSince > IDLE)) return null;
    if (network && now - this.#lookedAt > LOOK_AGAIN) return this.#look(now);
    return this.#waits(now, WHY.find(([, applies]) => applies(standing))?.[0] ?? "waits");
  }

  /** What follows from a silence that may be for good. @param {Standing} standing @param {Silence} silence
   * @returns {[Tell, Reason | null] | null} */
  #asks({ now, network, deciding, away, linked, heardAt, movedAt }, silence) {
    if (this.#looking) return null;
    const act = silence.tick(now, linked ? now : Math.max(heardAt, movedAt), network && !deciding && !away);
    const sure = this.#ends;
    this.#ends = act === "end";
    if (act === "end") return sure ? ["end", "silent"] : this.#look(now);
    return act === "ask" ? ["ask", null] : null;
  }

  /** @param {number} now @returns {[Tell, null]} */
  #look(now) {
    this.#looking = true;
    this.#lookedAt = now;
    return ["look", null];
  }

  /** @param {number} now @param {Reason} why @returns {[Tell, Reason] | null} */
  #waits(now, why) {
    return this.#reasons.due(now, why) ? ["waiting", why] : null;
  }

  /** Whether the server answered. @param {boolean} reached */
  looked(reached) {
    this.#looking = false;
    this.#offline = !reached;
    this.#ends &&= reached;
  }
}

/** What the person who sends sees of what goes to rest on the server: how much is there, or that nothing arrives. */
export class Storing {
  /** Content bytes that are there; a new segment may begin before the end of the last. */ stored = 0;
  #toldAt = -Infinity;
  #slowAt = -Infinity;

  /** `waiting` counts until something arrives. @param {number} now @param {number} safeAt when the server last
   * acknowledged something @param {number} stored @returns {"progress" | "waiting" | null} */
  tick(now, safeAt, stored) {
    if (now - this.#toldAt < TELL) return null;
    this.#toldAt = now;
    if (now - Math.max(safeAt, this.#slowAt) > SLOW) {
      this.#slowAt = now;
      return "waiting";
    }
    if (this.#slowAt > safeAt) return null;
    this.stored = Math.max(this.stored, stored);
    return "progress";
  }
}

/** How fast bytes go, over the last few seconds, or over the last few steps where one takes longer: a block of a slow
 * line comes every few seconds, and stands for all of them. */
export class Meter {
  static SPAN_S = 3;
  static STEPS = 3; // that are measured at least, where so many were made
  /** The first word, and each that said something new. @type {{at: number, done: number}[]} */ #marks = [];

  /** `done` of `total` bytes at `now`: bytes per second, and the seconds that are left, where they are known.
   * @param {number} now @param {number} done @param {number | null} total @returns {[number, number | null]} */
  add(now, done, total) {
    const marks = this.#marks;
    const said = marks.at(-1)?.done;
    if (done !== said) {
      if (said !== undefined && done < said) marks.length = 0; // something was lost: it begins again
      marks.push({ at: now, done });
    }
    while (marks.length > Meter.STEPS + 1 && now - marks[0].at > Meter.SPAN_S) marks.shift();
    if (marks.length < 2) return [0, null];
    const [before, last] = marks.slice(-2);
    const step = last.at - before.at;
    const since = now - last.at;
    if (since > Math.max(Meter.SPAN_S, 2 * step)) return [0, null]; // it stands still
    const span = last.at - marks[0].at + Math.max(0, since - step); // the next step is late: it is slower now
    if (span <= 0) return [0, null];
    const rate = (last.done - marks[0].done) / span;
    return [rate, total === null ? null : Math.max(0, (total - last.done) / rate - Math.min(since, step))];
  }
}
