/**
 * The messages of one mailbox from its first on, in order. One that was made anew counts from 0 again and is read from
 * its start, so what is sealed must bear being read twice. Spec: docs/spec/mailboxes.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { sleep } from "../runtime.js";
import { WAIT_S } from "../server/api.js";

export const RETRY_S = 0.5;
export const RETRY_MOST_S = 8;

export class Reader {
  /** Number of the last message that was read. */ after = -1;
  /** When the mailbox was made, as the server writes it; empty: not known yet. */ made = "";

  /** @param {Server} server @param {string} mailbox */
  constructor(server, mailbox) {
    this.server = server;
    this.mailbox = mailbox;
  }

  /** The next ones, however long the server takes to come back; throws when `ends` is aborted, and what `bears` does
   * not bear. `away` is told whether the server answers. @param {AbortSignal} ends
   * @param {(error: BurrowError) => boolean} bears @param {(away: boolean) => void} [away]
   * @returns {Promise<{number: number, body: Bytes}[]>} */
  async wait(ends, bears, away) {
    for (let delay = RETRY_S; ; delay = Math.min(2 * delay, RETRY_MOST_S)) {
      try {
        const found = await this.next(WAIT_S, ends);
        away?.(false);
        return found;
      } catch (error) {
        if (ends.aborted) throw ends.reason;
        if (!(error instanceof BurrowError) || !bears(error)) throw error;
        away?.(true);
        await sleep(delay, ends);
      }
    }
  }

  /** Those that came since, waiting up to `wait` s for one; empty if there is none yet. unreachable, refused.
   * @param {number} wait @param {AbortSignal} [signal] @returns {Promise<{number: number, body: Bytes}[]>} */
  async next(wait, signal) {
    const { messages, made } = await this.server.news(this.mailbox, this.after, wait, signal);
    const anew = this.after >= 0 && made !== "" && made !== this.made;
    if (made) this.made = made;
    if (anew) {
      this.after = -1;
      return this.next(0, signal);
    }
    for (const { number } of messages) this.after = Math.max(this.after, number);
    return messages;
  }
}
