/**
 * Clock, chance and pauses: all of the outside that the sessions need besides the network.
 *
 * @import { Bytes } from "../core/bytes.js"
 */

import { hex } from "../core/bytes.js";
import { BurrowError } from "../core/errors.js";

/** The code of an error: a person closed it, and it can be continued. */
export const CLOSED = "closed";

/** Where the server of this page is: its origin, and the path that a proxy may have put in front. */
export const BASE = new URL(import.meta.url.replace(/web\/(?:@\w+\/)?wire\/runtime\.js.*$/, "")); // @: a version

/** The same without a slash at its end, as links and calls begin. */
export const HERE = BASE.href.replace(/\/+$/, "");

/** Seconds of a clock that only goes forward. */
export function seconds() {
  return performance.now() / 1000;
}

/** So many random bytes. @param {number} size @returns {Bytes} */
export function random(size) {
  return crypto.getRandomValues(new Uint8Array(size));
}

/** 16 random bytes as 32 digits of hex. */
export function randomId() {
  return hex(random(16));
}

/** Waits; throws the signal's reason at once when it is aborted. @param {number} time s @param {AbortSignal} [signal] */
export function sleep(time, signal) {
  return new Wakeup().wait(time, signal);
}

/** What `work` gives, or `otherwise` where it fails or takes longer.
 * @template T, U @param {number} time s @param {Promise<T>} work @param {U} otherwise @returns {Promise<T | U>} */
export async function within(time, work, otherwise) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
  /** @type {Promise<U>} */ const late = new Promise((resolve) => {
    timer = setTimeout(resolve, time * 1000, otherwise);
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}

/** Something happened that somebody must look at: `set` ends the waits that run, or the next one. */
export class Wakeup {
  #set = false;
  /** @type {Set<() => void>} */ #waiting = new Set();

  set() {
    this.#set = true;
    for (const wake of this.#waiting) wake();
  }

  /** @param {number} [time] s at most @param {AbortSignal} [signal] its reason is thrown at once when it is aborted */
  async wait(time, signal) {
    if (signal?.aborted) throw signal.reason;
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
    let wake = () => {};
    let stop = () => {};
    try {
      if (this.#set) return;
      await /** @type {Promise<void>} */ (
        new Promise((resolve, reject) => {
          wake = resolve;
          stop = () => reject(signal?.reason);
          if (time !== undefined) timer = setTimeout(wake, time * 1000);
          this.#waiting.add(wake);
          signal?.addEventListener("abort", stop);
        })
      );
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wake);
      signal?.removeEventListener("abort", stop);
      this.#set = false;
    }
  }
}

/** The error as one of ours. @param {unknown} error @returns {BurrowError} */
export function ours(error) {
  if (error instanceof BurrowError) return error;
  return new BurrowError("error", error instanceof Error ? error.message || error.name : String(error));
}
