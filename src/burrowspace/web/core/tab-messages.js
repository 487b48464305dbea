/**
 * What the tabs of one browser say to each other. Spec: docs/spec/changes.md, "Between tabs".
 *
 *     leads  {turn}              this tab waits for all others; a new turn has forgotten what it was asked before
 *     leaves {}                  this tab goes, and waits for nobody any more
 *     ask    {id, wish, wait}    to the leader, and again now and then as a sign that somebody still wants it
 *     cut    {id}                that is not wanted any more
 *     answer {to, id, changes}   to who asked
 *     failed {to, id, error}     the call failed: `code`, `sentence`, and the fields `status`, `said` and `reason`
 *
 * @import { Changes, Wish } from "./changes.js"
 */

import { parseChanges, parseWish } from "./changes.js";
import { BurrowError } from "./errors.js";

const TAB = /^[0-9a-f]{32}$/;
const WAIT_MOST_S = 50;
const TEXT_MOST = 1000;

/**
 * @typedef {{type: "leads", from: string, turn: number} | {type: "leaves", from: string} |
 *   {type: "ask", from: string, id: number, wish: Wish, wait: number} | {type: "cut", from: string, id: number} |
 *   {type: "answer", from: string, to: string, id: number, changes: Changes} |
 *   {type: "failed", from: string, to: string, id: number, error: BurrowError}} TabMessage
 */

/** null: it is none, or not for the tab `own`. @param {unknown} said @param {string} own @returns {TabMessage | null} */
export function parseTabMessage(said, own) {
  if (typeof said !== "object" || said === null) return null;
  const { type, from, to, id, turn, wish, wait, changes, error } = /** @type {Record<string, unknown>} */ (said);
  if (!isTab(from) || from === own) return null;
  if (type === "leaves") return { type, from };
  if (type === "leads") return isCount(turn) ? { type, from, turn } : null;
  if (!isCount(id)) return null;
  try {
    if (type === "cut") return { type, from, id };
    if (type === "ask") return isWait(wait) ? { type, from, id, wish: parseWish(wish), wait } : null;
    if (to !== own) return null;
    if (type === "answer") return { type, from, to: own, id, changes: parseChanges(changes) };
    if (type === "failed") return { type, from, to: own, id, error: parseError(error) };
  } catch (fault) {
    if (!(fault instanceof BurrowError)) throw fault;
  }
  return null;
}

/** An error as it travels. @param {BurrowError} error */
export function sayError({ code, sentence, fields }) {
  const { status, said, reason } = fields;
  return { code, sentence, status, said, reason };
}

/** @param {unknown} said @returns {BurrowError} */
function parseError(said) {
  const { code, sentence, status, said: word, reason } = /** @type {Record<string, unknown>} */ (Object(said));
  if (!isWord(code) || typeof sentence !== "string") throw new BurrowError("bad-request", "this is no error");
  const fields = {
    ...(Number.isInteger(status) ? { status } : {}),
    ...(isWord(word) ? { said: word } : {}),
    ...(isWord(reason) ? { reason } : {}),
  };
  return new BurrowError(code, sentence.slice(0, TEXT_MOST), fields);
}

/** @param {unknown} said @returns {said is string} */
function isTab(said) {
  return typeof said === "string" && TAB.test(said);
}

/** @param {unknown} said @returns {said is string} */
function isWord(said) {
  return typeof said === "string" && /^[a-z-]{1,40}$/.test(said);
}

/** @param {unknown} said @returns {said is number} */
function isCount(said) {
  return Number.isSafeInteger(said) && /** @type {number} */ (said) >= 0;
}

/** @param {unknown} said @returns {said is number} s */
function isWait(said) {
  return typeof said === "number" && said >= 0 && said <= WAIT_MOST_S;
}
