/**
 * X25519 (RFC 7748): by WebCrypto where the browser knows it, else by the vendored curves; the same bytes.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { joined, unhex } from "./bytes.js";
import { BurrowError } from "./errors.js";

export const KEY_BYTES = 32; // of a private key, of a public one and of what two share
const BASE = Uint8Array.of(9, ...new Uint8Array(31));
const PKCS8 = unhex("302e020100300506032b656e04220420"); // RFC 8410: what stands before the 32 bytes of a private key

/** Whether WebCrypto has it; null: not tried yet. @type {boolean | null} */
let known = null;

/**
 * What both sides of a pair of keys can compute. bad-request for a public key that gives everybody zero.
 *
 * @param {Bytes} own private key
 * @param {Bytes} other public key
 * @param {boolean} [native] false: the vendored curves, whatever the browser has
 * @returns {Promise<Bytes>}
 */
export async function exchange(own, other, native = true) {
  if (own.length !== KEY_BYTES || other.length !== KEY_BYTES) none();
  const subtle = native && known !== false ? globalThis.crypto?.subtle : undefined;
  const keys = subtle && (await imported(subtle, own, other));
  try {
    if (subtle && keys) {
      const bits = await subtle.deriveBits({ name: "X25519", public: keys.other }, keys.own, 8 * KEY_BYTES);
      const shared = new Uint8Array(bits);
      if (shared.some((byte) => byte)) return shared;
    } else {
      const { x25519 } = await import("../vendor/noble-curves.js");
      return x25519.getSharedSecret(own, other);
    }
  } catch {
    // refused below
  }
  return none();
}

/** The public key of a private one. @param {Bytes} own @param {boolean} [native] @returns {Promise<Bytes>} */
export function publicOf(own, native = true) {
  return exchange(own, BASE, native);
}

/** Whether anything can be shared with this key. @param {Bytes} key @returns {Promise<boolean>} */
export async function isPublic(key) {
  return exchange(BASE, key).then(
    () => true,
    () => false,
  );
}

/** @param {SubtleCrypto} subtle @param {Bytes} own @param {Bytes} other */
async function imported(subtle, own, other) {
  try {
    const [mine, theirs] = await Promise.all([
      subtle.importKey("pkcs8", joined(PKCS8, own), "X25519", false, ["deriveBits"]),
      subtle.importKey("raw", other, "X25519", false, []),
    ]);
    known = true;
    return { own: mine, other: theirs };
  } catch {
    known ??= false; // an older browser
    return undefined;
  }
}

/** @returns {never} */
function none() {
  throw new BurrowError("bad-request", "the other device's key is none");
}
