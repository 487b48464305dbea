/**
 * Where each block of a transfer lies: positions, streams, offsets. Arithmetic alone; twin of core/layout.py.
 *
 * A transfer is one row of positions: the blocks of the manifest stream, then those of the pack stream. Every block
 * but a stream's last holds BLOCK bytes; the last holds fewer, perhaps none. Spec: docs/spec/manifest.md.
 *
 * @import { Suite } from "./sealing.js"
 */

import { BurrowError } from "./errors.js";
import { BLOCK, MANIFEST, PACK, SEALINGS, SUITES } from "./sealing.js";

export const POSITIONS = SEALINGS; // blocks of one transfer
export const MANIFEST_BYTES = 128 * 2 ** 20; // the longest manifest

/** Blocks of a stream of `size` bytes: a last, shorter one always follows. @param {number} size */
export function blocksOf(size) {
  return Math.floor(size / BLOCK) + 1;
}

/** Sizes are bytes of plaintext; `packSize` counts the digests, and is null until the sender knows it. */
export class Layout {
  /** bad-request, too-large. @param {Suite} suite @param {number} manifestSize @param {number | null} packSize */
  constructor(suite, manifestSize, packSize) {
    if (!(Number.isSafeInteger(manifestSize) && 0 < manifestSize && manifestSize <= MANIFEST_BYTES)) {
      throw new BurrowError("bad-request", `a manifest has 1 to ${MANIFEST_BYTES} bytes`);
    }
    if (packSize !== null && !(Number.isSafeInteger(packSize) && packSize >= 0)) {
      throw new BurrowError("bad-request", "a pack has no negative size");
    }
    this.suite = suite;
    this.manifestSize = manifestSize;
    this.packSize = packSize;
    this.manifestBlocks = blocksOf(manifestSize);
    /** Blocks of the whole transfer; null while the pack's size is not known. @type {number | null} */
    this.positions = packSize === null ? null : this.manifestBlocks + blocksOf(packSize);
    if (this.positions !== null && this.positions > POSITIONS) {
      throw new BurrowError("too-large", `one transfer carries at most ${POSITIONS} blocks of ${BLOCK} bytes: 1 PiB`);
    }
    Object.freeze(this);
  }

  /** Bytes of all sealed blocks together. @returns {number | null} */
  get sealedSize() {
    if (this.packSize === null || this.positions === null) return null;
    return this.manifestSize + this.packSize + this.positions * SUITES[this.suite].overhead;
  }

  /** The same blocks in another suite. @param {Suite} suite */
  in(suite) {
    return new Layout(suite, this.manifestSize, this.packSize);
  }

  /** The stream (MANIFEST or PACK) and the index in it. bad-request beyond the end.
   * @param {number} position @returns {{file: number, index: number}} */
  where(position) {
    if (!(Number.isSafeInteger(position) && 0 <= position && position < (this.positions ?? POSITIONS))) {
      throw new BurrowError("bad-request", `this transfer has no block ${position}`);
    }
    if (position < this.manifestBlocks) return { file: MANIFEST, index: position };
    return { file: PACK, index: position - this.manifestBlocks };
  }

  /** Whether this is its stream's last block; null while that is not known. @param {number} position */
  isEnd(position) {
    const { file, index } = this.where(position);
    const size = file === MANIFEST ? this.manifestSize : this.packSize;
    return size === null ? null : index === blocksOf(size) - 1;
  }

  /** Bytes of plaintext in this block; null while that is not known. @param {number} position */
  plainSize(position) {
    const { file, index } = this.where(position);
    const size = file === MANIFEST ? this.manifestSize : this.packSize;
    return size === null ? null : Math.min(BLOCK, size - index * BLOCK);
  }

  /** Bytes of this block as it is sealed; of a full one, while that is not known. @param {number} position */
  sealedMost(position) {
    const size = this.plainSize(position);
    const { sealed, overhead } = SUITES[this.suite];
    return size === null ? sealed : size + overhead;
  }

  /** Whether this block, of so many sealed bytes, is the last of the transfer. @param {number} position
   * @param {number} sealed */
  endsWith(position, sealed) {
    if (this.positions !== null) return position + 1 === this.positions;
    return position >= this.manifestBlocks && sealed < SUITES[this.suite].sealed;
  }

  /** Sealed bytes before this block; `positions` itself is allowed and gives all of them. @param {number} position @returns {number} */
  offset(position) {
    if (position === this.positions && this.sealedSize !== null) return this.sealedSize;
    const { file, index } = this.where(position);
    const { sealed, overhead } = SUITES[this.suite];
    if (file === MANIFEST) return index * sealed;
    return this.manifestSize + this.manifestBlocks * overhead + index * sealed;
  }

  /** The block that holds this sealed byte, and how many of its bytes lie before it. bad-request beyond the end.
   * @param {number} offset @returns {{position: number, rest: number}} */
  positionAt(offset) {
    const all = this.sealedSize;
    if (offset < 0 || (all !== null && offset > all)) {
      throw new BurrowError("bad-request", `this transfer has no sealed byte ${offset}`);
    }
    if (offset === all && this.positions !== null) return { position: this.positions, rest: 0 };
    const start = this.offset(this.manifestBlocks);
    const { sealed } = SUITES[this.suite];
    if (offset < start) return { position: Math.floor(offset / sealed), rest: offset % sealed };
    const position = this.manifestBlocks + Math.floor((offset - start) / sealed);
    this.where(position);
    return { position, rest: (offset - start) % sealed };
  }

  /** The same, once the pack's last block has shown how long the pack is. bad-request if that contradicts what was
   * known. @param {number} position @param {number} plainSize @returns {Layout} */
  ended(position, plainSize) {
    const { file, index } = this.where(position);
    if (file !== PACK || !(0 <= plainSize && plainSize < BLOCK)) {
      throw new BurrowError("bad-request", "a pack ends with a block that is not full");
    }
    const size = index * BLOCK + plainSize;
    if (this.packSize !== null && this.packSize !== size) {
      throw new BurrowError("bad-request", "the pack ended where it should not");
    }
    return new Layout(this.suite, this.manifestSize, size);
  }
}
