/**
 * Small files that lie one behind the other in a row, read many at a time: a Blob for each of thousands keeps a page
 * busy for seconds. What is larger, or comes after COPIED_BYTES, is for the caller to take as a Blob.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Received } from "./placing.js"
 */

const SMALL_BYTES = 16 * 2 ** 10; // of one file
const COPIED_BYTES = 64 * 2 ** 20; // of all of them, for they are in memory twice for a moment
const READ_BYTES = 2 ** 20; // at once

export class SmallFiles {
  #left = COPIED_BYTES;
  /** What was read last, from `#at` on. @type {Bytes} */ #window = new Uint8Array(0);
  #at = 0;
  /** @type {Blob | null} */ #row = null;

  /** Its bytes; null: take its Blob. @param {Received} file @returns {Promise<Bytes | null>} */
  async read({ row, size }) {
    if (!row || size > SMALL_BYTES || size > this.#left) return null;
    this.#left -= size;
    const { blob, begin } = row;
    if (blob !== this.#row || begin < this.#at || begin + size > this.#at + this.#window.length) {
      this.#window = new Uint8Array(await blob.slice(begin, begin + READ_BYTES).arrayBuffer());
      this.#row = blob;
      this.#at = begin;
    }
    return this.#window.subarray(begin - this.#at, begin - this.#at + size);
  }
}
