/**
 * When a sender has done its work, may leave, brings everything to the server, or goes on offering. Twin of
 * core/sender_book.py, where the reasons stand beside the rules, held to the same walks (tests/vectors/session.json).
 * Facts in, one next step out. No clock, no socket: times are arguments. Spec, with the table: docs/spec/session.md.
 */

/** Seconds without any receiver, after which everything goes to the server, where it may. */
export const STORE_AFTER = 5;

/** @typedef {"finish" | "store" | "leave" | "give-up" | "go-on"} Step */

/**
 * How a sending stands. Counts are of receivers, times seconds.
 *
 * @typedef {object} Facts
 * @property {number} now
 * @property {number} began
 * @property {number | null} wanted so many receivers, null: until it is ended
 * @property {boolean} storeNow the person wants to leave
 * @property {boolean} mayStore
 * @property {boolean} byCode whoever comes gets the secret from this program
 * @property {boolean} stored `store` was done
 * @property {number} known receivers that have come, and not declined
 * @property {number} verified
 * @property {number} living of those that have not verified: here now
 * @property {boolean} rests some of it rests on the server, or is on its way to rest there
 * @property {boolean} allRests all of it lies there to rest, from the first block on
 * @property {boolean} missingRests what each that has not verified lacks lies there
 * @property {number | null} patience seconds to wait for the first receiver
 * @property {boolean} met somebody came
 */

/** In the order in which they are read. @type {[Step, (facts: Facts) => boolean][]} */
const RULES = [
  ["finish", ({ wanted, verified }) => wanted !== null && verified >= wanted],
  ["store", stores],
  ["leave", leaves],
  ["give-up", ({ patience, met, now, began }) => patience !== null && !met && now - began > patience],
  ["go-on", () => true],
];

/** The first rule that applies. @param {Facts} facts @returns {Step} */
export function step(facts) {
  const found = RULES.find(([, applies]) => applies(facts));
  return found ? found[0] : "go-on";
}

/** @param {Facts} facts */
function stores({ mayStore, stored, byCode, known, now, began, storeNow }) {
  return mayStore && !stored && (storeNow || (!byCode && !known && now - began > STORE_AFTER));
}

/** @param {Facts} facts */
function leaves({ rests, living, allRests, wanted, storeNow, known, missingRests }) {
  if (!rests || living) return false;
  if (allRests && (wanted !== null || storeNow)) return true;
  return wanted !== null && known >= wanted && missingRests;
}
