/**
 * A transfer that nobody receives now: all of it goes to the server, to rest there sealed until somebody comes. Twin of
 * client/session/at_rest.py.
 *
 * @import { BurrowError } from "../../core/errors.js"
 * @import { Whole } from "./sends.js"
 */

import { Meter, Storing } from "../../core/reports.js";
import { ours, seconds } from "../runtime.js";

export class AtRest {
  #storing = new Storing();
  #meter = new Meter();
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
    this.sender.waits("uploading");
    await segments.open(first, (signal) => main.say(signal), "rest");
  }

  tick() {
    const { segments, manifest, layout } = this.sender;
    const { writer } = segments.resting ?? {};
    if (!writer) return;
    const now = seconds();
    const told = this.#storing.tick(now, writer.safeAt, manifest.contentBefore(layout, writer.position));
    if (told === "waiting") this.sender.waits("slow");
    if (told !== "progress") return;
    const { stored: done } = this.#storing;
    const total = manifest.contentSize;
    const [rate, eta] = this.#meter.add(now, done, total);
    this.sender.tell({ event: "progress", done, total, rate, eta, path: "store", receiver: "" });
  }

  /** The server takes no more of a segment: who only wants to leave it there cannot, others find another way. Whether
   * that is not the end. @param {BurrowError} error */
  refused(error) {
    const { storeNow } = this.sender.options;
    if (storeNow) this.sender.fail(error);
    else this.sender.waits("refused");
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
