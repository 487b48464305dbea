/**
 * What a server says of mailboxes, as it is used. Spec: docs/spec/mailboxes.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { unbase64 } from "./bytes.js";

/** `made`: when the mailbox was made, as the server writes it; another time is another mailbox under the same id.
 * @typedef {{messages: {number: number, body: Bytes}[], made: string}} News */
/** @typedef {{messages: {number: number, body: string}[], created_at: string}} Found */

/** What of an answer is news to whoever has read up to `after`; null: there is no such mailbox.
 * @param {{mailbox: string, after: number}} reader @param {Record<string, Found | null>} found @returns {News | null} */
export function newsFor({ mailbox, after }, found) {
  const mine = Object.hasOwn(found, mailbox) ? found[mailbox] : { messages: [], created_at: "" };
  if (mine === null) return null;
  const { messages, made } = newsOf(mine);
  return { messages: messages.filter(({ number }) => number > after), made };
}

/** An answer of the server as it is used. @param {Found} found @returns {News} */
export function newsOf(found) {
  const messages = found.messages.map(({ number, body }) => ({ number, body: unbase64(body) }));
  return { messages, made: found.created_at };
}
