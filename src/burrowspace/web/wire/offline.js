/**
 * Whether this device has no network at all, as the browser says it: at once, and without a call that has to fail first.
 * Twin of client/offline.py.
 */

import { AWAY, BACK, OFFLINE } from "../core/reports.js";

export function offline() {
  return globalThis.navigator?.onLine === false;
}

/** For a person, where no answer comes. */
export function whyAway() {
  return offline() ? OFFLINE : AWAY;
}

/** Says once that the network has gone, and that it is back. */
export class NetworkWatch {
  #was = false;

  /** What the person is to hear, once. @returns {string | null} */
  news() {
    const was = this.#was;
    this.#was = offline();
    return this.#was === was ? null : this.#was ? OFFLINE : BACK;
  }
}
