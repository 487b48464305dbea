/**
 * A sink for what fits into memory: each file as a Blob.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { Sink } from "./landing.js"
 */

/** @implements {Sink} */
export class MemorySink {
  /** Chunks of each file, by its number. @type {BlobPart[][]} */ #chunks = [];
  /** Known once it is finished, by their number in `manifest.files`. @type {Blob[]} */ files = [];

  /** @param {Manifest} manifest */
  async open(manifest) {
    this.#chunks = manifest.files.map(() => []);
  }

  /** @param {number} file @param {number} _offset @param {Uint8Array} content */
  async write(file, _offset, content) {
    this.#chunks[file].push(/** @type {Uint8Array<ArrayBuffer>} */ (content));
  }

  async flush() {}

  async finish() {
    this.files = this.#chunks.map((chunks) => new Blob(chunks));
    this.#chunks = [];
    return [];
  }

  async abort() {
    this.#chunks = [];
  }
}
