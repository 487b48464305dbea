/**
 * What comes into a mailbox of our own, over reloads and outages: each message once, in order.
 *
 * Who keeps how far it was read is the caller. A mailbox that was made anew counts from 0 again, and is read from its
 * start. Spec: docs/spec/mailboxes.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { sleep } from "../runtime.js";
import { WAIT_S } from "../server/api.js";
import { RETRY_MOST_S, RETRY_S } from "./conversation.js";
import { Reader } from "./reader.js";

/** The last message that was dealt with, and when its mailbox was made. @typedef {{number: number, made: string}} Seen */

/**
 * The messages, until `ends`. One is dealt with, kept by `saw` and taken off the server once the next is asked for; a
 * page that goes before that finds it again.
 *
 * @param {Server} server
 * @param {string} mailbox
 * @param {() => Seen | undefined} seen
 * @param {(seen: Seen) => Promise<void>} saw
 * @param {AbortSignal} ends
 * @returns {AsyncGenerator<Bytes, void>}
 */
export async function* letters(server, mailbox, seen, saw, ends) {
  const reader = new Reader(server, mailbox); // from the start: with what lies there it is told when it was made
  for (let delay = RETRY_S; !ends.aborted; ) {
    let found;
    try {
      found = await reader.next(WAIT_S, ends);
      delay = RETRY_S;
    } catch (error) {
      if (ends.aborted) return;
      if (!(error instanceof BurrowError)) throw error;
      await sleep(delay, ends).catch(() => undefined); // ended: seen above
      delay = Math.min(2 * delay, RETRY_MOST_S);
      continue;
    }
    for (const { number, body } of found) {
      const { made } = reader;
      const last = seen();
      if (last && last.made === made && number <= last.number) continue;
      yield body;
      await saw({ number, made });
      server.trimMailbox(mailbox, number).catch(() => undefined); // only tidiness: what was seen is passed over
    }
  }
}
