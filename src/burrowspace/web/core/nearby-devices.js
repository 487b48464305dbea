/**
 * What a server says of devices nearby, made fit to be shown: whoever they are may call themselves anything. Spec:
 * docs/spec/nearby.md.
 */

import { unbase64 } from "./bytes.js";
import { PICTURES } from "./device-names.js";
import { deviceTitle } from "./devices.js";
import { KEY_BYTES } from "./x25519.js";

export const KINDS = ["phone", "tablet", "desktop", "terminal", "other"];
export const NEARBY = 200; // devices that are looked at

/** Another device; `public`: base64.
 * @typedef {{handle: string, name: string, kind: string, picture: number, public: string}} NearbyDevice */

/** The devices of an answer that can be shown and knocked at, without our own. @param {unknown} said
 * @param {string} own @returns {NearbyDevice[]} */
export function parseDevices(said, own) {
  /** @type {Map<string, NearbyDevice>} */ const found = new Map();
  for (const each of Array.isArray(said) ? said.slice(0, NEARBY) : []) {
    const { handle, name, kind, picture, public: key } = each ?? {};
    if (typeof handle !== "string" || !/^[0-9a-f]{32}$/.test(handle) || handle === own) continue;
    if (typeof name !== "string" || !isKey(key)) continue;
    const number = Number.isInteger(picture) && 0 <= picture && picture < PICTURES ? picture : 0;
    const known = KINDS.includes(kind) ? kind : "other";
    found.set(handle, { handle, name: deviceTitle(name), kind: known, picture: number, public: key });
  }
  return [...found.values()];
}

/** @param {unknown} key @returns {key is string} */
function isKey(key) {
  try {
    return typeof key === "string" && key.length === 44 && unbase64(key).length === KEY_BYTES;
  } catch {
    return false;
  }
}
