/**
 * Whether this device has no network at all, as the browser says it: at once, and without a call that has to fail first.
 * Twin of client/offline.py.
 */

export function offline() {
  return globalThis.navigator?.onLine === false;
}
