/**
 * The CRC-32 of each file while it is written in order, over reloads: a ZIP is then made without reading anything again.
 * What was not written in order has none, and is read again when it is needed.
 */

import { crc32 } from "./crc32.js";

/** Can be cloned. `done`: of the files before `file`; `gaps`: those of them that have none.
 * @typedef {{done: Uint32Array<ArrayBuffer>, gaps: number[], file: number, upto: number, crc: number}} SavedSums */

export class Sums {
  #done = new Uint32Array(0);
  /** @type {Set<number>} */ #gaps = new Set();
  #file = 0;
  #upto = 0; // bytes of the file that the sum is of; -1: a gap
  #crc = 0;

  /** @param {number} files how many there are; those without bytes are never written, and have 0 */
  constructor(files) {
    this.#done = new Uint32Array(files);
  }

  /** Goes on; whatever is written again from there on is counted again. @param {SavedSums} saved */
  load({ done, gaps, file, upto, crc }) {
    this.#done.set(done.subarray(0, this.#done.length));
    this.#gaps = new Set(gaps);
    this.#file = file;
    this.#upto = upto;
    this.#crc = crc;
  }

  /** @returns {SavedSums} */
  save() {
    const done = this.#done.slice(0, this.#file);
    return { done, gaps: [...this.#gaps], file: this.#file, upto: this.#upto, crc: this.#crc };
  }

  /** @param {number} file @param {number} offset @param {Uint8Array} content */
  add(file, offset, content) {
    if (file !== this.#file) this.#begin(file);
    if (offset === 0) {
      this.#upto = 0;
      this.#crc = 0;
    }
    if (offset !== this.#upto) this.#upto = -1;
    else {
      this.#crc = crc32(this.#crc, content);
      this.#upto += content.length;
    }
  }

  /** null: not known. @param {number} file @param {number} size @returns {number | null} */
  of(file, size) {
    if (size === 0) return 0;
    if (file === this.#file) return this.#upto === size ? this.#crc : null;
    return file > this.#file || this.#gaps.has(file) ? null : this.#done[file];
  }

  /** @param {number} file */
  #begin(file) {
    if (this.#upto < 0) this.#gaps.add(this.#file);
    else this.#done[this.#file] = this.#crc;
    for (let at = file; at <= this.#file; at++) this.#gaps.delete(at); // a step back: they come again
    this.#file = file;
    this.#upto = -1; // until its first byte is seen
    this.#crc = 0;
  }
}
