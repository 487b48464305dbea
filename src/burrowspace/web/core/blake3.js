/**
 * BLAKE3 of bytes that come piece by piece: WebAssembly, its state fit to be kept over a reload.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Hasher } from "../vendor/hash-wasm.js"
 */

import { createBLAKE3 } from "../vendor/hash-wasm.js";

/** One hasher; `init()` makes it new, and it is reused for the next file. Bytes of its digest: 32. */
export class Blake3 {
  /** @type {Hasher} */ #hasher;

  /** @param {Hasher} hasher */
  constructor(hasher) {
    this.#hasher = hasher.init();
  }

  static async make() {
    return new Blake3(await createBLAKE3());
  }

  /** @param {Uint8Array} data */
  update(data) {
    if (data.length) this.#hasher.update(data);
  }

  /** The digest of all that came; the hasher is new after it. @returns {Bytes} */
  digest() {
    const digest = this.#hasher.digest("binary");
    this.#hasher.init();
    return digest;
  }

  /** What `load` of another hasher goes on from. @returns {Bytes} */
  save() {
    return this.#hasher.save();
  }

  /** @param {Uint8Array} state */
  load(state) {
    this.#hasher.load(state);
  }

  /** The digest of one piece. @param {Uint8Array} data @returns {Promise<Bytes>} */
  static async of(data) {
    const hasher = await Blake3.make();
    hasher.update(data);
    return hasher.digest();
  }
}
