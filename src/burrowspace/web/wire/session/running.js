/**
 * A transfer that runs: tells its events, and is over when its promise is. What both ends have in common; twin of
 * client/session/running.py.
 *
 * @import { Reason } from "../../core/reasons.js"
 * @import { Event, Finished } from "../events.js"
 */

import { BurrowError } from "../../core/errors.js";
import { REASONS } from "../../core/reasons.js";
import { CLOSED, ours, Wakeup } from "../runtime.js";

export class Running {
  /** Fulfilled with the last event, or rejected with a BurrowError; code `closed` after `close()`.
   * @type {Promise<Finished>} */
  done;
  /** @type {(finished: Finished) => void} */ #resolve = () => undefined;
  /** @type {(error: BurrowError) => void} */ #reject = () => undefined;
  /** @type {AbortController} */ #ends = new AbortController();
  #changes = new Wakeup();
  #over = false;
  /** @type {(event: Event) => void} */ #tell;

  /** @param {(event: Event) => void} tell is called with each event */
  constructor(tell) {
    this.#tell = tell;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => undefined);
  }

  /** Aborted when it is over: ends all that waits. */
  get ends() {
    return this.#ends.signal;
  }

  /** Whether it has ended, however. */
  get over() {
    return this.#over;
  }

  /** @returns {this} */
  begin() {
    void this.#whole();
    return this;
  }

  /** Stops where it stands; what `keep` was given lasts, so that it can be gone on with. */
  async close() {
    this.fail(new BurrowError(CLOSED, "stopped here; it can be gone on with"));
    await this.done.catch(() => undefined);
  }

  /** Calls it off, for good: the other side is told. @param {string} [why] */
  async cancel(why = "called off") {
    this.fail(new BurrowError("cancelled", why, { own: true }));
    await this.done.catch(() => undefined);
  }

  // for the two ends

  /** @returns {Promise<Finished>} */
  async work() {
    throw new TypeError("made by a subclass");
  }

  /** It ends by this error, while the other side can still be told. @param {BurrowError} _error */
  async failed(_error) {}

  /** Lets go of everything, however it ended. */
  async end() {}

  /** @type {((error: BurrowError) => void) | null} */ #fault = null;

  async #whole() {
    /** @type {Promise<never>} */ const fault = new Promise((_, reject) => (this.#fault = reject));
    try {
      const finished = await Promise.race([this.work(), fault]);
      this.#over = true;
      await this.end();
      this.#tell(finished);
      this.#resolve(finished);
    } catch (error) {
      this.#over = true;
      const found = ours(error);
      await this.failed(found).catch(() => undefined);
      await this.end().catch(() => undefined);
      this.#reject(found);
    } finally {
      this.#ends.abort(new BurrowError(CLOSED, "over"));
    }
  }

  /** A part of the transfer: when it fails, the transfer does. @param {Promise<unknown>} part */
  start(part) {
    part.catch((error) => this.fail(error));
  }

  /** @param {unknown} error */
  fail(error) {
    if (!this.#over) this.#fault?.(ours(error));
  }

  /** Nothing after its end: a part that was ended with it has no more to say. @param {Event} event */
  tell(event) {
    if (!this.#over) this.#tell(event);
  }

  /** Nothing moves, and why; null: what was said of it is no longer so. @param {Reason | null} reason @param {string} [receiver] of whom this is true */
  waits(reason, receiver = "") {
    this.tell({ event: "waiting", reason, why: reason ? REASONS[reason] : "", receiver });
  }

  /** Something happened that the session must look at. */
  changed() {
    this.#changes.set();
  }

  /** Waits for something to have changed, or so long. @param {number} time s @returns {Promise<void>} */
  async change(time) {
    await this.#changes.wait(time);
    if (this.ends.aborted || this.#over) throw new BurrowError(CLOSED, "over");
  }
}
