/**
 * Clock, chance and pauses: all of the outside that the sessions need besides the network.
 *
 * @import { Bytes } from "../core/bytes.js"
 */

import { hex } from "../core/bytes.js";
import { BurrowError } from "../core/errors.js";

/** The code of an error: a person closed it, and it can be continued. */
export const CLOSED = "closed";

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

/** Waits; throws the signal's reason at once when it is aborted. @param {number} time s @param {AbortSignal} [signal] @returns {Promise<void>} */
export function sleep(time, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, time * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The error as one of ours. @param {unknown} error @returns {BurrowError} */
export function ours(error) {
  if (error instanceof BurrowError) return error;
  return new BurrowError("error", error instanceof Error ? error.message || error.name : String(error));
}
