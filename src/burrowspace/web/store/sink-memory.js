/**
 * What arrives is kept in the page, where nothing else works (http:// in a LAN): in Blobs of 8 MiB, which a browser
 * holds outside of the page. A reload loses it. What may be received so: ways.js.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { KeepingSink, Received } from "./placing.js"
 */

import { BurrowError } from "../core/errors.js";
import { placed } from "./placing.js";
import { Sums } from "./sums.js";

const PIECE_BYTES = 8 * 2 ** 20;

/** @implements {KeepingSink} */
export class MemorySink {
  /** @type {"memory"} */ kind = "memory";
  /** @type {null} */ kept = null;

  /** @type {ReturnType<typeof placed>} */ #placed;
  /** By the number of the file. @type {Map<number, Blob[]>} */ #pieces = new Map();
  /** Not yet in a Blob. @type {Uint8Array<ArrayBuffer>[]} */ #loose = [];
  #looseBytes = 0;
  #file = -1;
  #size = 0;
  /** @type {Sums} */ #sums;

  /** @param {Manifest} manifest @param {number} limit bytes */
  constructor(manifest, limit) {
    this.limit = limit;
    this.#placed = placed(manifest);
    this.#sums = new Sums(manifest.files.length);
  }

  async open() {}

  /** @param {number} file @param {number} offset @param {Uint8Array} content */
  async write(file, offset, content) {
    this.#size += content.length;
    if (this.#size > this.limit) full();
    if (file !== this.#file) await this.#settle();
    this.#file = file;
    this.#sums.add(file, offset, content);
    this.#loose.push(/** @type {Uint8Array<ArrayBuffer>} */ (content));
    this.#looseBytes += content.length;
    if (this.#looseBytes >= PIECE_BYTES) await this.#settle();
  }

  async flush() {
    return false; // nothing of it survives
  }

  async finish() {
    await this.#settle();
    return [];
  }

  async abort() {
    this.#pieces.clear();
    this.#loose = [];
  }

  /** @returns {Promise<Received[]>} */
  async received() {
    return this.#placed.files.map(({ number, path, modified }) => {
      const whole = new Blob(this.#pieces.get(number) ?? []);
      const crc = this.#sums.of(number, whole.size);
      return { path, size: whole.size, modified, crc, blob: async () => whole };
    });
  }

  folders() {
    return this.#placed.folders;
  }

  async #settle() {
    if (!this.#looseBytes) return;
    const pieces = this.#pieces.get(this.#file) ?? [];
    this.#pieces.set(this.#file, pieces);
    const piece = new Blob(this.#loose);
    this.#loose = [];
    this.#looseBytes = 0;
    pieces.push(piece);
    // A browser that has no room for a Blob makes one all the same, and says so when it is read.
    await piece.slice(0, 1).arrayBuffer().catch(full);
  }
}

/** @returns {never} */
function full() {
  throw new BurrowError("no-space", "more arrives than this page can hold; receive it in the terminal: burrow receive");
}
