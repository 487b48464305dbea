/**
 * Bytes one behind the other, in the page: in Blobs of 8 MiB, which a browser holds outside of it. A reload loses them.
 */

import { BurrowError } from "../core/errors.js";

const PIECE_BYTES = 8 * 2 ** 20;

export class MemoryRow {
  size = 0;
  /** @type {Blob[]} */ #pieces = [];
  /** Not yet in a Blob. @type {Uint8Array<ArrayBuffer>[]} */ #loose = [];
  #looseBytes = 0;

  /** @param {number} limit bytes that it may hold */
  constructor(limit) {
    this.limit = limit;
  }

  /** no-space. @param {Uint8Array} content its own from then on */
  async add(content) {
    this.size += content.length;
    if (this.size > this.limit) full();
    this.#loose.push(/** @type {Uint8Array<ArrayBuffer>} */ (content));
    this.#looseBytes += content.length;
    if (this.#looseBytes >= PIECE_BYTES) await this.settle();
  }

  /** All of it is in Blobs then. no-space */
  async settle() {
    if (!this.#looseBytes) return;
    const piece = new Blob(this.#loose);
    this.#loose = [];
    this.#looseBytes = 0;
    this.#pieces.push(piece);
    // A browser that has no room for a Blob makes one all the same, and says so when it is read.
    await piece.slice(0, 1).arrayBuffer().catch(full);
  }

  /** What was settled. */
  blob() {
    return new Blob(this.#pieces);
  }

  clear() {
    this.#pieces = this.#loose = [];
    this.#looseBytes = 0;
  }
}

/** @returns {never} */
function full() {
  throw new BurrowError("no-space", "more arrives than this page can hold; receive it in the terminal: burrow receive", { reason: "memory-full" });
}
