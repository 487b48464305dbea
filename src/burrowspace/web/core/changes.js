/**
 * What somebody waits for, and what has come: messages in mailboxes, claims of codes, devices nearby. Spec:
 * docs/spec/changes.md.
 *
 * What a server or another tab says is parsed here; bodies of messages stay base64 until newsOf.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { unbase64 } from "./bytes.js";
import { BurrowError } from "./errors.js";

const MOST = 64; // things that one call may wait for
const MOST_NEARBY = 4; // and devices among them
const ID = /^[0-9a-f]{32}$/;
const PLATE = /^[1-9][0-9]{0,3}$/;
const ANY = -1;

/** By mailbox the number of the last message that is known; by number of a code its token and the last claim that is
 * known; by handle the device's secret and the last version.
 *
 * @typedef {object} Wish
 * @property {Record<string, number>} mailboxes
 * @property {Record<string, {token: string, after: number}>} nameplates
 * @property {Record<string, {token: string, version: number}>} nearby
 */
/** Messages of a mailbox as a server says them. @typedef {{messages: {number: number, body: string}[], created_at: string}} Found */
/** @typedef {{claims: {number: number, mailbox: string}[]}} FoundClaims */
/** `devices`: not parsed yet. @typedef {{version: number, devices: unknown}} FoundDevices */
/** What there is beyond a wish; null for what is not there. What has not changed is left out.
 *
 * @typedef {object} Changes
 * @property {Record<string, Found | null>} mailboxes
 * @property {Record<string, FoundClaims | null>} nameplates
 * @property {Record<string, FoundDevices | null>} nearby
 */
/** `made`: when the mailbox was made, as the server writes it; another time is another mailbox under the same id.
 * @typedef {{messages: {number: number, body: Bytes}[], made: string}} News */

/** @param {Partial<Wish>} [part] @returns {Wish} */
export function wishFor({ mailboxes = {}, nameplates = {}, nearby = {} } = {}) {
  return { mailboxes, nameplates, nearby };
}

/** How many things it names. @param {Wish | Changes} wish */
export function count({ mailboxes, nameplates, nearby }) {
  return [mailboxes, nameplates, nearby].reduce((sum, part) => sum + Object.keys(part).length, 0);
}

/** Whether one call may wait for all of it. @param {Wish} wish */
export function fits(wish) {
  return count(wish) <= MOST && Object.keys(wish.nearby).length <= MOST_NEARBY;
}

/** One wish that is answered as soon as one of them is. @param {Wish[]} wishes @returns {Wish} */
export function joined(wishes) {
  const all = wishFor({ mailboxes: {}, nameplates: {}, nearby: {} });
  for (const { mailboxes, nameplates, nearby } of wishes) {
    for (const [id, after] of Object.entries(mailboxes)) all.mailboxes[id] = Math.min(after, all.mailboxes[id] ?? after);
    for (const [number, { token, after }] of Object.entries(nameplates)) {
      all.nameplates[number] = { token, after: Math.min(after, all.nameplates[number]?.after ?? after) };
    }
    for (const [handle, { token, version }] of Object.entries(nearby)) {
      const same = (all.nearby[handle]?.version ?? version) === version;
      all.nearby[handle] = { token, version: same ? version : ANY };
    }
  }
  return all;
}

/** Those of these changes that are about this wish. Who asked for a mailbox or a code that was answered hears of it even
 * where nothing is beyond its own number. @param {Wish} wish @param {Changes} changes @returns {Changes} */
export function about(wish, changes) {
  const mailboxes = part(wish.mailboxes, changes.mailboxes, (found, after) => {
    return { ...found, messages: found.messages.filter(({ number }) => number > after) };
  });
  const nameplates = part(wish.nameplates, changes.nameplates, ({ claims }, { after }) => {
    return { claims: claims.filter(({ number }) => number > after) };
  });
  const nearby = part(wish.nearby, changes.nearby, (found, { version }) => (found.version === version ? undefined : found));
  return { mailboxes, nameplates, nearby };
}

/** @template W, C @param {Record<string, W>} wished @param {Record<string, C | null>} changed
 * @param {(found: C, wish: W) => C | undefined} news @returns {Record<string, C | null>} */
function part(wished, changed, news) {
  /** @type {Record<string, C | null>} */ const mine = {};
  for (const [key, wish] of Object.entries(wished)) {
    if (!Object.hasOwn(changed, key)) continue;
    const found = changed[key];
    const told = found === null ? null : news(found, wish);
    if (told !== undefined) mine[key] = told;
  }
  return mine;
}

/** What another tab waits for. bad-request: it is none, or more than one call may wait for. @param {unknown} said @returns {Wish} */
export function parseWish(said) {
  const { mailboxes, nameplates, nearby } = fields(said);
  const wish = {
    mailboxes: read(mailboxes, ID, whole),
    nameplates: read(nameplates, PLATE, (own) => ({ token: short(fields(own).token), after: whole(fields(own).after) })),
    nearby: read(nearby, ID, (own) => ({ token: short(fields(own).token), version: whole(fields(own).version) })),
  };
  if (!count(wish) || !fits(wish)) throw wrong();
  return wish;
}

/** What a server or another tab says has changed. bad-request. @param {unknown} said @returns {Changes} */
export function parseChanges(said) {
  const { mailboxes, nameplates, nearby } = fields(said);
  return {
    mailboxes: read(mailboxes, ID, orNull(parseFound)),
    nameplates: read(nameplates, PLATE, orNull(parseClaims)),
    nearby: read(nearby, ID, orNull((found) => ({ version: whole(fields(found).version), devices: fields(found).devices }))),
  };
}

/** bad-request. @param {unknown} said @returns {Found} */
export function parseFound(said) {
  const { messages, created_at: made } = fields(said);
  const parsed = list(messages).map((each) => ({ number: whole(fields(each).number), body: text(fields(each).body) }));
  return { messages: parsed, created_at: short(made) };
}

/** bad-request. @param {unknown} said @returns {FoundClaims} */
function parseClaims(said) {
  const claims = list(fields(said).claims).map((each) => {
    const { number, mailbox } = fields(each);
    if (!ID.test(text(mailbox))) throw wrong();
    return { number: whole(number), mailbox: text(mailbox) };
  });
  return { claims };
}

/** Messages as they are used. bad-request. @param {Found} found @returns {News} */
export function newsOf({ messages, created_at: made }) {
  return { messages: messages.map(({ number, body }) => ({ number, body: unbase64(body) })), made };
}

/** @template T @param {unknown} said @param {RegExp} key @param {(value: unknown) => T} value @returns {Record<string, T>} */
function read(said, key, value) {
  return Object.fromEntries(
    Object.entries(fields(said)).map(([name, each]) => {
      if (!key.test(name)) throw wrong();
      return [name, value(each)];
    }),
  );
}

/** @template T @param {(said: unknown) => T} parse @returns {(said: unknown) => T | null} */
function orNull(parse) {
  return (said) => (said === null ? null : parse(said));
}

/** @param {unknown} said @returns {Record<string, unknown>} */
function fields(said) {
  if (typeof said !== "object" || said === null || Array.isArray(said)) throw wrong();
  return /** @type {Record<string, unknown>} */ (said);
}

/** @param {unknown} said @returns {unknown[]} */
function list(said) {
  if (!Array.isArray(said)) throw wrong();
  return said;
}

/** @param {unknown} said @returns {number} */
function whole(said) {
  if (!Number.isSafeInteger(said) || /** @type {number} */ (said) < ANY) throw wrong();
  return /** @type {number} */ (said);
}

/** @param {unknown} said @returns {string} */
function text(said) {
  if (typeof said !== "string") throw wrong();
  return said;
}

/** @param {unknown} said @returns {string} */
function short(said) {
  const found = text(said);
  if (!found || found.length > 256) throw wrong();
  return found;
}

function wrong() {
  return new BurrowError("bad-request", "what has changed cannot be read");
}
