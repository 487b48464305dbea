/**
 * The pack: the contents of a manifest's files, one behind the other, then one BLAKE3 of 32 bytes for each. Arithmetic
 * and hashing that both ends share; twin of core/pack.py. Spec: docs/spec/manifest.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { Blake3 } from "./blake3.js";
import { joined } from "./bytes.js";
import { DIGEST_BYTES } from "./manifest.js";

/** What of which file: `offset` in the file, `begin` and `end` in the range that was asked for.
 * @typedef {{file: number, offset: number, begin: number, end: number}} Piece */

/** Where each file lies in the pack. `sizes` in bytes, in manifest order; Infinity for a last one that is not known. */
export class Row {
  /** @param {readonly number[]} sizes */
  constructor(sizes) {
    this.sizes = [...sizes];
    /** @type {number[]} */ this.starts = [];
    this.content = 0; // bytes of all files
    for (const size of sizes) {
      this.starts.push(this.content);
      this.content += size;
    }
  }

  /** Bytes of what follows the content. */
  get digests() {
    return DIGEST_BYTES * this.sizes.length;
  }

  /** The last file's size, which was not known, turned out to be this. @param {number} size */
  end(size) {
    this.sizes[this.sizes.length - 1] = size;
    this.content = this.starts[this.starts.length - 1] + size;
  }

  /** What of which file lies in [at, upto) of the content, in order; an empty file is a piece of no bytes.
   * @param {number} at @param {number} upto @returns {Generator<Piece>} */
  *pieces(at, upto) {
    const { starts, sizes } = this;
    let low = 0;
    for (let high = starts.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (starts[middle] < at) low = middle + 1;
      else high = middle;
    }
    let file = low;
    if (file && starts[file - 1] + sizes[file - 1] > at) file -= 1;
    const last = upto >= this.content; // then empty files at the very end belong here
    for (; file < starts.length && (starts[file] < upto || (last && starts[file] === upto)); file++) {
      const offset = Math.max(0, at - starts[file]);
      const begin = starts[file] + offset - at;
      yield { file, offset, begin, end: Math.min(begin + sizes[file] - offset, upto - at) };
    }
  }
}

/** BLAKE3 of each file of a row, from the content given once and in order. */
export class Digests {
  /** @type {Row} */ #row;
  /** @type {Blake3} */ #hasher;
  /** @type {Uint8Array} */ #area;
  #file = 0; // the next file without a digest
  upto = 0; // bytes of the content that were hashed

  /** @param {Row} row @param {Blake3} hasher */
  constructor(row, hasher) {
    this.#row = row;
    this.#hasher = hasher;
    this.#area = new Uint8Array(row.digests);
  }

  /** @param {Row} row */
  static async make(row) {
    return new Digests(row, await Blake3.make());
  }

  /** Digests of the files that are complete, one behind the other. */
  get area() {
    return this.#area.subarray(0, this.#file * DIGEST_BYTES);
  }

  #done() {
    this.#area.set(this.#hasher.digest(), this.#file * DIGEST_BYTES);
    this.#file += 1;
  }

  /** The next bytes of the content; what lies behind its end is not looked at. @param {Uint8Array} content */
  add(content) {
    const at = this.upto;
    const upto = Math.min(at + content.length, this.#row.content);
    for (const { file, offset, begin, end } of this.#row.pieces(at, upto)) {
      if (file < this.#file) continue; // an empty file at a seam, which was counted already
      this.#hasher.update(content.subarray(begin, end));
      if (offset + end - begin === this.#row.sizes[file]) this.#done();
    }
    this.upto = upto;
  }

  /** All content was given: completes a last file whose size is known only now. */
  end() {
    if (this.#file < this.#row.sizes.length) this.#done();
  }

  /** What `load` goes on from, for a page that is loaded again: upto, file, area, state of the hasher.
   * @returns {{upto: number, area: Bytes, state: Bytes}} */
  save() {
    return { upto: this.upto, area: joined(this.area), state: this.#hasher.save() };
  }

  /** @param {{upto: number, area: Uint8Array, state: Uint8Array}} saved */
  load({ upto, area, state }) {
    this.upto = upto;
    this.#area.set(area);
    this.#file = area.length / DIGEST_BYTES;
    this.#hasher.load(state);
  }
}

/** The digest of a whole transfer: BLAKE3 over the digests of its files. @param {Uint8Array} area */
export function total(area) {
  return Blake3.of(area);
}
