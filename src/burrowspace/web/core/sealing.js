/**
 * Sealed blocks and sealed small messages: what is encrypted, under which key, bound to what. Twin of core/sealing.py.
 *
 * Draws no randomness: nonces are arguments. WebCrypto seals where the browser gives it; on a plain http:// page the
 * vendored ciphers do, behind the same face. Spec: docs/spec/sealing.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { hkdf, sha256 } from "../vendor/noble-hashes.js";
import { joined, same, u32, u64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";

/** @typedef {"A256GCM" | "XC20P"} Suite */

export const BLOCK = 262144; // bytes of plaintext in every block but a stream's last
export const SECRET_BYTES = 32;
export const TRANSFER_BYTES = 16;
export const TAG_BYTES = 16;
export const SEALINGS = 2 ** 32; // under one key with random 96-bit nonces: NIST SP 800-38D, section 8.3
export const MANIFEST = 0; // the `file` of a block
export const PACK = 1;

/** What seals a block. `overhead`: bytes that it is longer than its plaintext; `sealed`: bytes of a full one.
 * @type {Record<Suite, {nonce: number, overhead: number, sealed: number}>} */
export const SUITES = {
  A256GCM: { nonce: 12, overhead: 28, sealed: BLOCK + 28 },
  XC20P: { nonce: 24, overhead: 40, sealed: BLOCK + 40 },
};

const CHANGED = "this is not what was sealed: a block or message was changed on its way";
const LENGTH = "this sealed block has a length that none has in its place";

/**
 * HKDF-SHA256 (RFC 5869) of `size` bytes; every label in use stands in docs/spec/sealing.md.
 *
 * @param {Uint8Array} secret
 * @param {Uint8Array} salt may be empty
 * @param {string} label
 * @param {number} [size]
 * @returns {Bytes}
 */
export function derive(secret, salt, label, size = 32) {
  return hkdf(sha256, secret, salt, utf8(label), size);
}

/**
 * A cipher of one key: ciphertext and tag from plaintext and back. `decrypt` throws whatever it likes.
 *
 * @typedef {object} Cipher
 * @property {(nonce: Bytes, plain: Bytes, aad: Bytes) => Promise<Bytes>} encrypt
 * @property {(nonce: Bytes, sealed: Bytes, aad: Bytes) => Promise<Bytes>} decrypt
 */

/**
 * @param {Suite} suite
 * @param {Bytes} key 32 bytes
 * @param {boolean} native whether WebCrypto may be used
 * @returns {Promise<Cipher>}
 */
async function cipherOf(suite, key, native) {
  const subtle = native && suite === "A256GCM" ? globalThis.crypto?.subtle : undefined;
  if (subtle) {
    const held = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    return {
      encrypt: async (iv, plain, additionalData) =>
        new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv, additionalData }, held, plain)),
      decrypt: async (iv, sealed, additionalData) =>
        new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv, additionalData }, held, sealed)),
    };
  }
  const { gcm, xchacha20poly1305 } = await import("../vendor/noble-ciphers.js");
  const make = suite === "A256GCM" ? gcm : xchacha20poly1305;
  return {
    encrypt: async (nonce, plain, aad) => make(key, nonce, aad).encrypt(plain),
    decrypt: async (nonce, sealed, aad) => make(key, nonce, aad).decrypt(sealed),
  };
}

/**
 * Seals and opens the blocks of one transfer in one suite. A sealed block is nonce || ciphertext || tag; only a
 * stream's last block is shorter than BLOCK, so `end` must agree with the length.
 */
export class BlockKey {
  /** @type {Promise<Cipher>} */ #cipher;
  /** @type {Bytes} */ #prefix;

  /**
   * @param {Uint8Array} secret 32 bytes
   * @param {Uint8Array} transfer 16 bytes
   * @param {Suite} [suite]
   * @param {boolean} [native] false: the vendored ciphers, whatever the browser has
   */
  constructor(secret, transfer, suite = "A256GCM", native = true) {
    if (secret.length !== SECRET_BYTES || transfer.length !== TRANSFER_BYTES) {
      throw new TypeError(`a secret has ${SECRET_BYTES} bytes and a transfer's id ${TRANSFER_BYTES}`);
    }
    this.suite = suite;
    this.sealings = 0; // how often this object has sealed
    this.#cipher = cipherOf(suite, derive(secret, transfer, `burrow/1 blocks ${suite}`), native);
    this.#prefix = joined(utf8("burrow/1 block"), transfer);
  }

  /** @param {number} file @param {number} index @param {boolean} end */
  #bound(file, index, end) {
    return joined(this.#prefix, u32(file), u64(index), Uint8Array.of(end ? 1 : 0));
  }

  /**
   * A sealed block in two parts, one behind the other: nonce, and ciphertext with tag. The nonce is fresh and random for
   * every call.
   *
   * @param {number} file MANIFEST or PACK
   * @param {number} index of the block in its stream
   * @param {boolean} end whether it is the stream's last
   * @param {Bytes} plain at most BLOCK bytes, fewer exactly if `end`
   * @param {Bytes} nonce
   * @returns {Promise<[Bytes, Bytes]>}
   */
  async sealParts(file, index, end, plain, nonce) {
    const { nonce: size } = SUITES[this.suite];
    if (plain.length > BLOCK || end !== plain.length < BLOCK) {
      throw new TypeError(`a block has ${BLOCK} bytes, and fewer only at the end of its stream`);
    }
    if (nonce.length !== size) throw new TypeError(`a nonce of ${this.suite} has ${size} bytes`);
    if (this.suite === "A256GCM" && this.sealings >= SEALINGS) {
      throw new BurrowError("too-large", "this transfer has sealed as many blocks as its key is good for; start anew", { reason: "key-spent" });
    }
    this.sealings += 1;
    return [nonce, await (await this.#cipher).encrypt(nonce, plain, this.#bound(file, index, end))];
  }

  /**
   * The same in one buffer.
   *
   * @param {number} file @param {number} index @param {boolean} end @param {Bytes} plain @param {Bytes} nonce
   * @returns {Promise<Bytes>}
   */
  async seal(file, index, end, plain, nonce) {
    return joined(...(await this.sealParts(file, index, end, plain, nonce)));
  }

  /**
   * The plaintext of a sealed block. tampered, whatever is wrong.
   *
   * @param {number} file @param {number} index @param {boolean} end @param {Bytes} sealed
   * @returns {Promise<Bytes>}
   */
  async open(file, index, end, sealed) {
    const { nonce: skip, overhead } = SUITES[this.suite];
    const size = sealed.length - overhead;
    if (size < 0 || size > BLOCK || end !== size < BLOCK) throw new BurrowError("tampered", LENGTH);
    const cipher = await this.#cipher;
    try {
      return await cipher.decrypt(sealed.subarray(0, skip), sealed.subarray(skip), this.#bound(file, index, end));
    } catch {
      throw new BurrowError("tampered", CHANGED);
    }
  }

  /** Nonce and tag of a sealed block: what a journal keeps of it. @param {Uint8Array} sealed @returns {Bytes} */
  fingerprint(sealed) {
    const { nonce, overhead } = SUITES[this.suite];
    if (sealed.length < overhead) throw new BurrowError("tampered", LENGTH);
    return joined(sealed.subarray(0, nonce), sealed.subarray(sealed.length - TAG_BYTES));
  }

  /**
   * Whether `plain`, sealed there with that nonce, has that tag. What it seals for this never leaves this function,
   * which keeps the nonce's second use harmless.
   *
   * @param {number} file @param {number} index @param {boolean} end @param {Bytes} plain @param {Bytes} fingerprint
   * @returns {Promise<boolean>}
   */
  async check(file, index, end, plain, fingerprint) {
    const { nonce: skip, overhead } = SUITES[this.suite];
    if (fingerprint.length !== overhead || plain.length > BLOCK || end !== plain.length < BLOCK) return false;
    const cipher = await this.#cipher;
    const sealed = await cipher.encrypt(fingerprint.subarray(0, skip), plain, this.#bound(file, index, end));
    return same(sealed.subarray(plain.length), fingerprint.subarray(skip));
  }
}

/** Seals small messages under a key of their own: nonce || ciphertext || tag. */
export class Box {
  /** @type {Promise<Cipher>} */ #cipher;

  /** @param {Bytes} key 32 bytes @param {Suite} [suite] @param {boolean} [native] */
  constructor(key, suite = "A256GCM", native = true) {
    if (key.length !== 32) throw new TypeError("a key has 32 bytes");
    this.suite = suite;
    this.#cipher = cipherOf(suite, key, native);
  }

  /** `nonce` never repeats under one key. @param {Bytes} plain @param {Bytes} aad @param {Bytes} nonce @returns {Promise<Bytes>} */
  async seal(plain, aad, nonce) {
    if (nonce.length !== SUITES[this.suite].nonce) {
      throw new TypeError(`a nonce of ${this.suite} has ${SUITES[this.suite].nonce} bytes`);
    }
    return joined(nonce, await (await this.#cipher).encrypt(nonce, plain, aad));
  }

  /** The plaintext. tampered, whatever is wrong. @param {Bytes} sealed @param {Bytes} aad @returns {Promise<Bytes>} */
  async open(sealed, aad) {
    const { nonce, overhead } = SUITES[this.suite];
    if (sealed.length < overhead) throw new BurrowError("tampered", "this sealed message is too short to be one");
    const cipher = await this.#cipher;
    try {
      return await cipher.decrypt(sealed.subarray(0, nonce), sealed.subarray(nonce), aad);
    } catch {
      throw new BurrowError("tampered", CHANGED);
    }
  }
}
