/**
 * An invitation: what one device leaves for another so that a transfer begins without a code. Twin of
 * core/invitation.py. It is sealed for its reader, in an inbox of two paired devices or in a knock. Specs:
 * docs/spec/meeting.md, "Devices", and docs/spec/nearby.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { base64, text, unbase64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { SECRET_BYTES } from "./sealing.js";

export const NAME_CHARS = 64; // of a device and of what is offered; a longer one is cut
export const INVITATION_BYTES = 4096; // sealed
const LATEST = 2 ** 53; // seconds since 1970: what a number of JSON holds

/** The secret of a transfer, what it is called, and when it was said (s since 1970).
 * @typedef {{secret: Bytes, name: string, created: number}} Invitation */

/** JSON; the secret in base64. @param {Invitation} invitation @returns {Bytes} */
export function encodeInvitation({ secret, name, created }) {
  if (secret.length !== SECRET_BYTES) throw new TypeError(`a secret has ${SECRET_BYTES} bytes`);
  return utf8(JSON.stringify({ secret: base64(secret), name: cut(name, NAME_CHARS), created }));
}

/** bad-request. Whoever sealed it may be anybody: nothing of it is true but that it was sealed. @param {Uint8Array} data @returns {Invitation} */
export function parseInvitation(data) {
  try {
    const { secret, name, created } = JSON.parse(text(data));
    if (typeof secret !== "string" || unbase64(secret).length !== SECRET_BYTES) throw new TypeError("secret");
    if (!isText(name) || [...name].length > NAME_CHARS) throw new TypeError("name");
    if (typeof created !== "number" || !(0 <= created && created < LATEST)) throw new TypeError("created");
    return { secret: unbase64(secret), name, created };
  } catch {
    throw new BurrowError("bad-request", "an invitation cannot be read");
  }
}

/** What both ends can write and read: so many characters. @param {string} name @param {number} chars */
export function cut(name, chars) {
  return [...name.replace(/\p{Surrogate}/gu, "\ufffd")].slice(0, chars).join("");
}

/** @param {unknown} value @returns {value is string} */
export function isText(value) {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}
