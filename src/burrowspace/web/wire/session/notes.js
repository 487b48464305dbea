/**
 * Writes down how far a receiver is, so that a page that is loaded again goes on from there.
 *
 * @import { Staging } from "../files/staging.js"
 * @import { Receive, ReceiveState } from "./incoming.js"
 */

import { seconds } from "../runtime.js";

const EVERY_S = 0.25; // between two notes, and at least SHARE times what one costs
const SHARE = 10;

export class Notes {
  #at = 0;
  /** The last one. @type {ReceiveState["landing"]} */ #landing = null;
  /** @type {Promise<unknown>} */ #writing = Promise.resolve();

  /** @param {Receive["keep"]} keep @param {Staging} staging @param {Pick<ReceiveState, "transfer" | "receiver">} of */
  constructor(keep, staging, of) {
    this.keep = keep;
    this.staging = staging;
    this.of = of;
  }

  /** Writes one where it is time. @param {number} now */
  async tick(now) {
    if (!this.staging.consent.accepted || now < this.#at) return;
    this.#at = Infinity;
    await this.write();
    this.#at = seconds() + Math.max(EVERY_S, SHARE * (seconds() - now));
  }

  /** One after the other: what the sink says it has kept belongs to the snapshot before. @param {boolean} [last] */
  async write(last = false) {
    const written = this.#writing.then(async () => {
      if (!this.keep || this.staging.fault) return;
      const landing = await this.staging.snapshot(last);
      if (!landing) return;
      this.#landing = landing;
      await this.keep({ ...this.of, landing });
    });
    this.#writing = written.catch(() => undefined);
    await written;
  }

  /** The last one once more, with what the sink keeps by now. */
  async again() {
    await this.#writing;
    if (this.#landing) await this.keep?.({ ...this.of, landing: this.#landing });
  }
}
