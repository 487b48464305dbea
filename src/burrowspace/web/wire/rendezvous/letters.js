/**
 * What comes into a mailbox of our own, over reloads and outages: each message once, in order.
 *
 * Who keeps how far it was read is the caller. A mailbox that was made anew counts from 0 again, and is read from its
 * start. Spec: docs/spec/mailboxes.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../server/api.js"
 */

import { Reader } from "./reader.js";

/** The last message that was dealt with, and when its mailbox was made. @typedef {{number: number, made: string}} Seen */

/** The messages, until `ends`. One is dealt with, kept by `saw` and taken off the server once the next is asked for; a
 * page that goes before that finds it again. @param {Server} server @param {string} mailbox
 * @param {() => Seen | undefined} seen @param {(seen: Seen) => Promise<void>} saw @param {AbortSignal} ends
 * @returns {AsyncGenerator<Bytes, void>} */
export async function* letters(server, mailbox, seen, saw, ends) {
  const reader = new Reader(server, mailbox); // from the start: with what lies there it is told when it was made
  while (!ends.aborted) {
    const found = await reader.wait(ends, () => true).catch((error) => {
      if (ends.aborted) return [];
      throw error;
    });
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
