/**
 * What a receiver says of how far it is while blocks come: to its sender, and to its own person. Twin of
 * core/reports.py, held to the same walks (tests/vectors/session.json). Tell it what time it is and how things stand,
 * and it says whether to speak now. No clock, no socket, no screen. Times are seconds of one clock. Spec:
 * docs/spec/session.md.
 *
 * @import { Path } from "./paths.js"
 */

const SAY_HELD = 0.25; // between two words on a link
const SAY = 1; // between two words through the mailbox, in the first SAY_FIRST seconds
const SAY_FIRST = 60;
const SAY_LATER = 2; // and after them
const SAY_ALIVE = 4; // until it is said without a new block, where bytes came

const TELL = 0.1; // between two words to the person
const STILL = 4; // without a byte, after which a path that is in use moves nothing
const IDLE = 2; // without a path, after which the person is told why
const LOOK_AGAIN = 5; // between two looks whether the server answers
const TELL_AGAIN = 10; // until the same reason is told again

export class ToSender {
  #began;
  /** When it was said last, and what. */ #at = -Infinity;
  #held = -1;
  #underWay = false;

  /** @param {number} began when the two ends had met */
  constructor(began) {
    this.#began = began;
  }

  /** `path` carries, and bytes came by it last at `movedAt`. What it gives counts as said: "held" on the link,
   * "progress" through the mailbox. @param {number} now @param {Path | null} path @param {number} held
   * @param {number} movedAt @returns {"held" | "progress" | null} */
  tick(now, path, held, movedAt) {
    if (path === null) return null;
    const byMailbox = path === "relay" || path === "store";
    const every = !byMailbox ? SAY_HELD : now - this.#began < SAY_FIRST ? SAY : SAY_LATER;
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

/** How things stand. `carries`: a path is in use. `movedAt`: when the last byte came. `idleSince`: when a path was in
 * use last. `deciding`: the person has been asked. `network`: this device has one at all. `away`: a call of ours found
 * no server. `nothingLeft`: of what the sender left on the server. @typedef {{now: number, carries: boolean, movedAt:
 * number,   idleSince: number, deciding: boolean, network: boolean, away: boolean, senderHere: boolean, nothingLeft:
 * boolean}} Standing */

export const OFFLINE = "this device is offline; it goes on when the network is back";
export const BACK = "the network is back";
export const WAITS = "waiting for the sender";
export const AWAY = "the server cannot be reached; still trying";

/** Why nothing moves: the first that applies; the second argument: the server did not answer.
 * @type {[string, (standing: Standing, offline: boolean) => boolean][]} */
export const WHY = [
  [OFFLINE, ({ network }) => !network],
  [AWAY, ({ away }, offline) => away || offline],
  [
    "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back",
    ({ senderHere, nothingLeft }) => !senderHere && nothingLeft,
  ],
  [WAITS, () => true],
];

/** What the receiver's person sees: progress, or why there is none. */
export class ToPerson {
  #toldAt = -Infinity;
  #lookedAt = -Infinity;
  #saidAt = -Infinity;
  #why = ""; // that was said last
  #network = true;
  #looking = false;
  #offline = false;

  /** `waiting` comes with its reason; `look`: first ask the server, for it may be we who are cut off.
   * @param {Standing} standing @returns {["progress" | "waiting" | "look", string] | null} */
  tick(standing) {
    const { now, carries, movedAt, idleSince, deciding, network } = standing;
    if (network !== this.#network) {
      this.#network = network;
      return this.#waits(now, network ? BACK : OFFLINE);
    }
    if (now - this.#toldAt < TELL) return null;
    this.#toldAt = now;
    if (carries && now - movedAt <= STILL) {
      this.#why = "";
      return ["progress", ""];
    }
    if (deciding || this.#looking || !(carries || now - idleSince > IDLE)) return null;
    if (network && now - this.#lookedAt > LOOK_AGAIN) {
      this.#looking = true;
      this.#lookedAt = now;
      return ["look", ""];
    }
    return this.#waits(now, WHY.find(([, applies]) => applies(standing, this.#offline))?.[0] ?? "");
  }

  /** The same reason again only after a while. @param {number} now @param {string} why
   * @returns {["waiting", string] | null} */
  #waits(now, why) {
    if (why === this.#why && now - this.#saidAt < TELL_AGAIN) return null;
    this.#why = why;
    this.#saidAt = now;
    return ["waiting", why];
  }

  /** Whether the server answered. @param {boolean} reached */
  looked(reached) {
    this.#looking = false;
    this.#offline = !reached;
  }
}

/** How fast bytes go, over the last few seconds. */
export class Meter {
  static SPAN_S = 3;
  /** @type {{at: number, total: number}[]} */ #marks = [];

  /** `total` bytes at `now`; bytes per second. @param {number} now @param {number} total */
  add(now, total) {
    const marks = this.#marks;
    marks.push({ at: now, total });
    while (marks.length > 2 && now - marks[0].at > Meter.SPAN_S) marks.shift();
    const span = now - marks[0].at;
    return span > 0 ? (total - marks[0].total) / span : 0;
  }
}
