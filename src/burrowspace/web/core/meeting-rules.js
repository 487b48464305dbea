/**
 * What the end of a meeting costs: this meeting alone, or the code. Twin of core/meeting_rules.py.
 *
 * A meeting is one try of a code at one end. Until a proof came (at the sender) or was given (at the receiver), nobody
 * can test a guess, so whatever goes wrong ends this meeting only. From the proof on, anything but success burns the
 * code at that end. Spec, with the arithmetic: docs/spec/meeting.md.
 */

import { BurrowError } from "./errors.js";

const FIRST_WORDS = 2; // of the first code for one receiver
export const NEXT_WORDS = 3; // of every other
const BURNS_MOST = 3; // after so many the person decides whether there is another code
export const LIVE_MOST = 16; // meetings of one code side by side
export const MEETING_S = 30; // that one meeting may take

/**
 * `open`: no proof yet. `proved`: a proof came and is being checked (sender); its own is about to leave (receiver).
 * `done`: the secret changed hands. `over`: this meeting ended, the code is still good. `burnt`: this end must not use
 * the code again.
 *
 * @typedef {"open" | "proved" | "done" | "over" | "burnt"} Stand
 * @typedef {"proof" | "done" | "wrong-proof" | "malformed" | "no-point" | "refused" | "unreachable" | "late" | "cut"} MeetingEvent
 */

/** @type {Record<Stand, Partial<Record<MeetingEvent, Stand>>>} */
export const NEXT = {
  open: {
    proof: "proved",
    malformed: "over", // not a message, or not the one that is due
    "no-point": "over", // not a point of the curve, or our own message
    refused: "over", // by the server: the mailbox is full or gone
    unreachable: "over",
    late: "over",
    cut: "over", // cancelled here, or it gave way to another
  },
  proved: {
    done: "done",
    "wrong-proof": "burnt",
    malformed: "burnt",
    "no-point": "burnt",
    refused: "burnt",
    unreachable: "burnt",
    late: "burnt",
    cut: "burnt",
  },
  done: {},
  over: {},
  burnt: {},
};
const ENDED = ["done", "over", "burnt"];
const EVENTS = new Set(Object.values(NEXT).flatMap((row) => Object.keys(row)));

/** Where a meeting stands after an event. What has ended stays as it ended. @param {Stand} stand @param {MeetingEvent} event @returns {Stand} */
export function after(stand, event) {
  if (!EVENTS.has(event)) throw new TypeError(`a meeting has no event ${event}`);
  if (ENDED.includes(stand)) return stand;
  const next = NEXT[stand][event];
  if (!next) throw new TypeError(`${event} cannot happen while a meeting is ${stand}`);
  return next;
}

/** How many words the next code of a transfer has, after so many burnt ones; null: only if the person asks for one, and
 * then NEXT_WORDS. `several`: more than one receiver may use it, and each gives the server a guess.
 * @param {number} burns @param {boolean} [several] */
export function wordsFor(burns, several = false) {
  if (burns >= BURNS_MOST) return null;
  return burns || several ? NEXT_WORDS : FIRST_WORDS;
}

/** Which meeting makes room for a new claim, of those that run, the oldest first; null: there is room. The oldest one that
 * nobody spoke in, else the oldest without a proof. @param {{stand: Stand, heard: boolean}[]} live @returns {number | null} */
export function givesWay(live) {
  if (live.length < LIVE_MOST) return null;
  const silent = live.findIndex(({ stand, heard }) => stand === "open" && !heard);
  const found = silent >= 0 ? silent : live.findIndex(({ stand }) => stand === "open");
  return found >= 0 ? found : null;
}

/** What went wrong, as the rules call it. `late`: the time is up.
 * @param {unknown} error @param {boolean} late @returns {MeetingEvent} */
export function eventOf(error, late) {
  if (error instanceof BurrowError) {
    /** @type {Record<string, MeetingEvent>} */ const events = {
      "wrong-code": "wrong-proof",
      tampered: "no-point",
      "bad-request": "malformed",
      refused: "refused",
      missing: "refused",
      unreachable: "unreachable",
    };
    return events[error.code] ?? "cut";
  }
  if (late) return "late";
  // What the server answers is none of ours.
  return error instanceof TypeError || error instanceof SyntaxError ? "malformed" : "cut";
}
