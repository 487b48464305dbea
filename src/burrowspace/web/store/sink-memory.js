/**
 * What arrives is kept in the page, where nothing else works (http:// in a LAN). A reload loses it. What may be received
 * so: ways.js.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { KeepingSink, Received } from "./placing.js"
 */

import { MemoryRow } from "./memory-row.js";
import { placed } from "./placing.js";
import { Sums } from "./sums.js";

/** @implements {KeepingSink} */
export class MemorySink {
  /** @type {"memory"} */ kind = "memory";
  /** @type {null} */ kept = null;

  /** @type {ReturnType<typeof placed>} */ #placed;
  /** @type {MemoryRow} */ #row;
  /** @type {Sums} */ #sums;

  /** @param {Manifest} manifest @param {number} limit bytes */
  constructor(manifest, limit) {
    this.#placed = placed(manifest);
    this.#row = new MemoryRow(limit);
    this.#sums = new Sums(manifest.files.length);
  }

  async open() {}

  /** @param {number} file @param {number} offset @param {Uint8Array} content */
  async write(file, offset, content) {
    this.#sums.add(file, offset, content);
    await this.#row.add(content);
  }

  async flush() {
    return false; // nothing of it survives
  }

  async finish() {
    await this.#row.settle();
    return [];
  }

  async abort() {
    this.#row.clear();
  }

  /** @param {ReadonlySet<number>} [lost] @returns {Promise<Received[]>} */
  async received(lost = new Set()) {
    const whole = this.#row.blob();
    const files = this.#placed.files.filter(({ number }) => !lost.has(number));
    return files.map(({ number, path, modified, begin, size }) => {
      const length = size ?? whole.size;
      const crc = this.#sums.of(number, length);
      const blob = async () => whole.slice(begin, begin + length);
      return { path, size: length, modified, crc, blob, row: { blob: whole, begin } };
    });
  }

  folders() {
    return this.#placed.folders;
  }
}
