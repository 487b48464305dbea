/**
 * A transfer that nobody receives now: all of it goes to the server, to rest there sealed until somebody comes.
 *
 * @import { BurrowError } from "../../core/errors.js"
 * @import { Whole } from "./sends.js"
 */

import { ours, seconds } from "../runtime.js";

const STILL_S = 5; // without a byte of what goes to rest, after which that is said

export class AtRest {
  #waitedAt = 0; // when that was said last
  #stored = 0; // content bytes that are there
  /** All of it is on its way, or there. */ begun = false;

  /** @param {Whole} sender */
  constructor(sender) {
    this.sender = sender;
  }

  /** What does not rest there yet. Errors of the server. */
  async begin() {
    this.begun = true;
    const { segments, main } = this.sender;
    const first = segments.covered(0);
    if (first === null) return;
    const said = { why: "nobody is here yet; it goes to the server, sealed, and rests there", receiver: "" };
    this.sender.tell({ event: "waiting", ...said });
    await segments.open(first, (signal) => main.say(signal), "rest", true);
  }

  tick() {
    const { segments, manifest, layout } = this.sender;
    const { writer } = segments.resting ?? {};
    if (!writer) return;
    const now = seconds();
    if (now - Math.max(writer.safeAt, this.#waitedAt) > STILL_S) {
      this.#waitedAt = now;
      const said = { why: "the line to the server is slow; nothing more has arrived there yet", receiver: "" };
      this.sender.tell({ event: "waiting", ...said });
    }
    if (this.#waitedAt > writer.safeAt) return; // that is what is shown until something arrives
    const done = (this.#stored = Math.max(this.#stored, manifest.contentBefore(layout, writer.position)));
    const total = manifest.contentSize;
    this.sender.tell({ event: "progress", done, total, rate: 0, eta: null, path: "store", receiver: "" });
  }

  /** The server takes no more of a segment: who only wants to leave it there cannot, others find another way. Whether
   * that is not the end. @param {BurrowError} error */
  refused(error) {
    const { storeNow } = this.sender.options;
    const said = { why: "the server takes no more of it; it goes on another way", receiver: "" };
    if (storeNow) this.sender.fail(error);
    else this.sender.tell({ event: "waiting", ...said });
    return !storeNow;
  }

  /** Until when it lies there, s since 1970, written down by `keep` and told. False: the server does not answer now.
   * @param {((until: number) => Promise<void>) | undefined} keep */
  async leave(keep) {
    const { server, segments } = this.sender;
    const { resting } = segments;
    if (!resting) return false;
    try {
      const { expiresAt: until } = await server.spool(resting.spool.id);
      await keep?.(until);
      this.sender.tell({ event: "resting", until });
      return true;
    } catch (error) {
      if (ours(error).code === "unreachable") return false;
      throw error;
    }
  }
}
