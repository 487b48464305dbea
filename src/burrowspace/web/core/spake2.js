/**
 * Symmetric SPAKE2 over Ed25519, byte for byte as the Python package `spake2` 0.9 does it. Proves nothing by itself:
 * codes.js adds the confirmation. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { hkdf, sha256 } from "../vendor/noble-hashes.js";
import { hex, joined, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";

const NOTHING = new Uint8Array(0);
const MARK = 0x53; // "S": a symmetric end

/** @param {Uint8Array} bytes big-endian */
function number(bytes) {
  return BigInt(`0x${hex(bytes)}`);
}

/** @param {Uint8Array} data @param {string} info */
function wide(data, info) {
  return number(hkdf(sha256, data, NOTHING, utf8(info), 48));
}

/**
 * One end, good for one meeting: what it says, and the key once the other has spoken.
 *
 * @param {Uint8Array} password
 * @param {Uint8Array} identity
 * @param {Uint8Array} entropy 64 random bytes
 * @returns {Promise<{message: Bytes, finish: (other: Uint8Array) => Bytes}>} `finish` throws tampered
 */
export async function spake2(password, identity, entropy) {
  if (entropy.length !== 64) throw new TypeError("64 random bytes are needed");
  const { ed25519 } = await import("../vendor/noble-curves.js");
  const { Point } = ed25519;
  const order = Point.Fn.ORDER;

  /** A point of which nobody knows the logarithm: the first y from a hash on that is on the curve, times 8. */
  const arbitrary = () => {
    const field = Point.Fp.ORDER;
    for (let y = wide(utf8("symmetric"), "SPAKE2 arbitrary element") % field; ; y = (y + 1n) % field) {
      const bytes = new Uint8Array(32);
      for (let at = 0, rest = y; at < 32; at++, rest >>= 8n) bytes[at] = Number(rest & 255n);
      try {
        const found = Point.fromBytes(bytes).clearCofactor(); // its x is even: the sign bit is 0
        if (!found.is0()) return found;
      } catch {
        continue; // y is on the twist
      }
    }
  };

  const blind = arbitrary().multiply(wide(password, "SPAKE2 pw") % order);
  const scalar = number(entropy) % order;
  const own = Point.BASE.multiply(scalar).add(blind).toBytes();

  /** @param {Uint8Array} other */
  const finish = (other) => {
    try {
      const said = other.subarray(1);
      if (other.length !== 33 || other[0] !== MARK || hex(said) === hex(own)) throw new TypeError("not the other end");
      const point = Point.fromBytes(said);
      if (point.is0() || !point.isTorsionFree()) throw new TypeError("not in the group");
      const shared = point.subtract(blind).multiply(scalar).toBytes();
      const [low, high] = hex(own) < hex(said) ? [own, said] : [said, own];
      return sha256(joined(sha256(password), sha256(identity), low, high, shared));
    } catch {
      throw new BurrowError("tampered", "a message of a meeting is not what the other end says");
    }
  };
  return { message: joined(Uint8Array.of(MARK), own), finish };
}
