/**
 * The connections that carry blocks, over all tabs of a browser: it opens six to a host over HTTP/1.1, for all its pages
 * together, and one of them waits for news (tabs.js). Each way has MOST, so that a page still loads while many tabs send.
 * Who has one for long gives it up where others wait.
 *
 * A Web Lock stands for each place, so a tab that closes or crashes leaves its own. It is a matter of courtesy: who waits
 * for longer than PATIENCE_S, as for a tab that is frozen, goes on without one, and so does every page without Web Locks.
 * Spec: docs/spec/changes.md, "Connections for blocks".
 */

const MOST = 2;
const PATIENCE_S = 15;

export class Turns {
  /** @param {string} way what goes through these connections
   * @param {Pick<LockManager, "request" | "query"> | undefined} [locks] */
  constructor(way, locks = globalThis.document ? navigator.locks : undefined) {
    this.places = Array.from({ length: MOST }, (_, place) => `burrow ${way} ${place}`);
    this.locks = locks;
  }

  /** Does `work` when a place is free. @template T @param {() => Promise<T>} work @param {AbortSignal} signal ends the wait
   * @returns {Promise<T>} */
  async run(work, signal) {
    const leave = await this.#place(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Whether somebody waits for a place. */
  async crowded() {
    const { pending = [] } = (await this.locks?.query()) ?? {};
    return pending.some(({ name = "" }) => this.places.includes(name));
  }

  /** The place that is free first: what this gives leaves it again. @param {AbortSignal} signal @returns {Promise<() => void>} */
  #place(signal) {
    const { locks, places } = this;
    const over = new AbortController();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        over.abort(); // the other places are left to others
      };
      const given = (/** @type {() => void} */ leave) => (end(), resolve(leave));
      const stop = () => (end(), reject(signal.reason));
      const timer = setTimeout(given, PATIENCE_S * 1000, () => undefined);
      if (!locks) return given(() => undefined);
      signal.addEventListener("abort", stop);
      for (const place of places) {
        const hold = () => (over.signal.aborted ? undefined : new Promise((leave) => given(() => leave(undefined))));
        locks.request(place, { signal: over.signal }, hold).catch((error) => {
          if (error.name !== "AbortError") given(() => undefined); // a page that may store nothing
        });
      }
    });
  }
}

/** Requests that bring blocks to the server. */ export const UPLOADS = new Turns("uploads");
/** Answers that bring blocks here. */ export const DOWNLOADS = new Turns("downloads");
