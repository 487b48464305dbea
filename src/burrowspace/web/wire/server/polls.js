/**
 * The few long polls that may be open at once beside mailbox-poller.js's one: claims, and who is nearby. A browser opens six
 * connections to a host over HTTP/1.1, for all its pages together, and blocks need half of them: with more questions
 * than MOST, each has its turn of SLICE_S.
 */

import { seconds } from "../runtime.js";

const MOST = 2;
const SLICE_S = 0.7;

export class Polls {
  /** The oldest first. @type {Set<{since: number, cut: AbortController}>} */ #running = new Set();
  /** @type {(() => void)[]} */ #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** Does `ask` when there is room; null where it was cut to make room for another. @template T
   * @param {(signal: AbortSignal) => Promise<T>} ask @param {AbortSignal} [signal] @returns {Promise<T | null>} */
  async run(ask, signal) {
    while (this.#running.size >= MOST) {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.#waiting.push(resolve);
          this.#makeRoom();
        })
      );
    }
    if (signal?.aborted) {
      this.#next();
      throw signal.reason;
    }
    const turn = { since: seconds(), cut: new AbortController() };
    this.#running.add(turn);
    this.#makeRoom();
    try {
      return await ask(signal ? AbortSignal.any([signal, turn.cut.signal]) : turn.cut.signal);
    } catch (error) {
      if (turn.cut.signal.aborted && !signal?.aborted) return null;
      throw error;
    } finally {
      this.#running.delete(turn);
      this.#next();
    }
  }

  #next() {
    this.#waiting.shift()?.();
  }

  #makeRoom() {
    if (this.#timer !== undefined || !this.#waiting.length) return;
    const [oldest] = [...this.#running].filter((turn) => !turn.cut.signal.aborted);
    if (!oldest) return;
    const left = Math.max(0, SLICE_S - (seconds() - oldest.since));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.length) oldest.cut.abort();
      this.#makeRoom();
    }, left * 1000);
  }
}
