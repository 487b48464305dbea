/**
 * Whether this device has no network at all, as the browser says it: at once, and without a call that has to fail first.
 * Twin of client/offline.py.
 */

export const AWAY = "the server cannot be reached; still trying";
export const OFFLINE = "this device is offline; it goes on when the network is back";

export const BACK = "the network is back";

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
