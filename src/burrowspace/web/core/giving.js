/**
 * The sender's blocks: reads files, hashes each byte once and in order, seals. Works in a page or in a worker
 * (worker.js) behind the same face; holds no file, only slices of them. Any position may be asked at any time, by
 * several receivers at once. Where files cannot be read it says which (`left-out`), for that must be written down before
 * the first zero is sent in their place; once told to leave them out, it goes on. Specs: docs/spec/manifest.md,
 * docs/spec/sealing.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { LeftOut } from "./left-out.js"
 * @import { Piece } from "./pack.js"
 * @import { Suite } from "./sealing.js"
 */

import { hex, joined } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { Layout } from "./layout.js";
import { LEFT_OUT, mark, whyUnread } from "./left-out.js";
import { DIGEST_BYTES } from "./manifest.js";
import { Digests, Row, total } from "./pack.js";
import { BLOCK, BlockKey, MANIFEST, SUITES } from "./sealing.js";

const PULL = 4 * BLOCK; // bytes that the hasher is pulled along for each read beyond it

/**
 * What a sender has: all of it can be cloned to a worker. `files`: those of the manifest that have contents, in order.
 *
 * @typedef {object} Given
 * @property {Bytes} secret
 * @property {Bytes} transfer 16 bytes
 * @property {Suite} suite
 * @property {Bytes} manifest encoded
 * @property {Blob[]} files
 * @property {number[]} sizes of them, as the manifest says
 * @property {LeftOut} [leftOut] by an earlier run
 */

export class Giving {
  /** @type {Given} */ #given;
  /** @type {BlockKey} */ #key;
  /** @type {Row} */ #row;
  /** @type {Digests} */ #digests;
  /** @type {Layout} */ #layout;
  /** Why, by the number of the file. @type {Map<number, string>} */ #leftOut;
  /** What stands behind the contents; null: it has to be made. @type {Bytes | null} */ #marked = null;
  /** Digests that receivers may have, in hex: it changes with each file that is left out. @type {Set<string>} */ #gave = new Set();
  /** One pull of the hasher after the other. @type {Promise<unknown>} */ #pulling = Promise.resolve();

  /** @param {Given} given @param {Row} row @param {Digests} digests */
  constructor(given, row, digests) {
    this.#given = given;
    this.#row = row;
    this.#digests = digests;
    this.#key = new BlockKey(given.secret, given.transfer, given.suite);
    this.#layout = new Layout(given.suite, given.manifest.length, row.content + row.digests);
    this.#leftOut = new Map(given.leftOut);
  }

  /** @param {Given} given */
  static async make(given) {
    const row = new Row(given.sizes);
    return new Giving(given, row, await Digests.make(row));
  }

  /**
   * Up to `count` sealed blocks from `position` on, one behind the other as in a spool; none beyond the end. left-out:
   * some files cannot be read.
   *
   * @param {number} position
   * @param {number} count
   * @returns {Promise<Bytes>}
   */
  async seal(position, count) {
    return joined(...(await this.sealParts(position, count)));
  }

  /** The same in parts, for who need not have them in one buffer. @param {number} position @param {number} count @returns {Promise<Bytes[]>} */
  async sealParts(position, count) {
    const layout = this.#layout;
    const end = Math.min(position + count, layout.positions ?? 0);
    if (position >= end) return [];
    const plain = await this.#plain(position, end);
    const work = [];
    let at = 0;
    for (let each = position; each < end; each++) {
      const { file, index } = layout.where(each);
      const size = layout.plainSize(each) ?? 0;
      const block = plain.subarray(at, (at += size));
      const nonce = crypto.getRandomValues(new Uint8Array(SUITES[layout.suite].nonce));
      work.push(this.#key.sealParts(file, index, size < BLOCK, block, nonce));
    }
    return (await Promise.all(work)).flat();
  }

  /** Zeros are read in the place of these files from now on. @param {LeftOut} lost */
  leaveOut(lost) {
    for (const [file, why] of lost) if (!this.#leftOut.has(file)) this.#leftOut.set(file, why);
    this.#marked = null;
  }

  /** Whether a receiver may have verified this digest, in hex; what was not hashed yet is read now. left-out
   * @param {string} digest */
  async gave(digest) {
    await this.#area();
    return this.#gave.has(digest);
  }

  /** Hashes what lies before `position`, so that the end does not wait for it. @param {number} position */
  async catchUp(position) {
    const upto = Math.min((position - this.#layout.manifestBlocks) * BLOCK, this.#row.content);
    while (this.#digests.upto < upto) await this.#pull();
  }

  /** The plaintext of the blocks from `position` to before `end`. @param {number} position @param {number} end @returns {Promise<Bytes>} */
  async #plain(position, end) {
    const { manifestBlocks, packSize } = this.#layout;
    const parts = [];
    if (this.#layout.where(position).file === MANIFEST) {
      parts.push(this.#given.manifest.subarray(position * BLOCK, end * BLOCK));
    }
    if (end > manifestBlocks) {
      const at = Math.max(0, position - manifestBlocks) * BLOCK;
      parts.push(...(await this.#pack(at, Math.min((end - manifestBlocks) * BLOCK, packSize ?? 0))));
    }
    return parts.length === 1 ? parts[0] : joined(...parts);
  }

  /** @param {number} at @param {number} upto @returns {Promise<Bytes[]>} */
  async #pack(at, upto) {
    const { content } = this.#row;
    const parts = [];
    if (at < content) {
      const bytes = await this.#read(at, Math.min(upto, content));
      this.#hash(at, bytes);
      if (at > this.#digests.upto) this.#pull().catch(() => undefined); // whoever needs the digests hears of it
      parts.push(bytes);
    }
    if (upto > content) {
      const area = await this.#area();
      parts.push(area.slice(Math.max(0, at - content), upto - content));
    }
    return parts;
  }

  /** @param {number} at @param {Bytes} bytes */
  #hash(at, bytes) {
    const digests = this.#digests;
    if (at <= digests.upto && digests.upto < at + bytes.length) digests.add(bytes.subarray(digests.upto - at));
  }

  /** The digests of all files, marks in the place of some. @returns {Promise<Bytes>} */
  async #area() {
    while (this.#digests.upto < this.#row.content) await this.#pull();
    if (this.#marked) return this.#marked;
    if (this.#digests.area.length < this.#row.digests) this.#digests.add(new Uint8Array(0)); // empty files alone
    if (this.#digests.area.length !== DIGEST_BYTES * this.#row.sizes.length) throw new TypeError("a digest is missing");
    const area = joined(this.#digests.area);
    for (const [file, why] of this.#leftOut) area.set(mark(why), file * DIGEST_BYTES);
    this.#marked = area;
    this.#gave.add(hex(await total(area)));
    return area;
  }

  /** The hasher's next piece. */
  #pull() {
    const pulled = this.#pulling.then(async () => {
      const at = this.#digests.upto;
      if (at < this.#row.content) this.#hash(at, await this.#read(at, Math.min(at + PULL, this.#row.content)));
    });
    this.#pulling = pulled.catch(() => undefined);
    return pulled;
  }

  /** Content bytes; left-out. @param {number} at @param {number} upto @returns {Promise<Bytes>} */
  async #read(at, upto) {
    const pieces = [...this.#row.pieces(at, upto)].filter(({ begin, end }) => end > begin);
    const read = await Promise.all(pieces.map((piece) => this.#piece(piece)));
    /** @type {Bytes[]} */ const parts = [];
    /** @type {LeftOut} */ const lost = [];
    for (const each of read) {
      if (each instanceof Uint8Array) parts.push(each);
      else lost.push(each);
    }
    if (lost.length) throw new BurrowError(LEFT_OUT, "some files cannot be read any more", { lost });
    return parts.length === 1 ? parts[0] : joined(...parts);
  }

  /** What of a file, or why it cannot be read. @param {Piece} piece @returns {Promise<Bytes | [file: number, why: string]>} */
  async #piece({ file, offset, begin, end }) {
    if (this.#leftOut.has(file)) return new Uint8Array(end - begin);
    const size = end - begin;
    const part = partOf(this.#given.files[file], offset, size, this.#row.sizes[file]);
    try {
      const bytes = await part.arrayBuffer().catch(() => readAgain(part)); // a file is left out for good
      return bytes.byteLength < size ? [file, "shrank"] : new Uint8Array(bytes, 0, size); // it may have grown
    } catch (error) {
      const why = whyUnread(error instanceof Error || error instanceof DOMException ? error.name : "");
      if (why === null) throw error;
      return [file, why];
    }
  }
}

/** By what says more of why it fails, where there is that: Firefox has an AbortError for everything else.
 * @param {Blob} part @returns {Promise<ArrayBuffer>} */
function readAgain(part) {
  if (typeof FileReader === "undefined") return part.arrayBuffer();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(/** @type {ArrayBuffer} */ (reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(part);
  });
}

/** Where it is all of a file, no slice is made: of thousands of small ones that takes longer than reading them.
 * @param {Blob} file @param {number} offset @param {number} size @param {number} whole bytes of the file */
function partOf(file, offset, size, whole) {
  return size === whole ? file : file.slice(offset, offset + size);
}
