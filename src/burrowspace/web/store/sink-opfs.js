/**
 * What arrives goes into the browser's own file system, in place: all files of a transfer one behind the other in one
 * file, so 100,000 small ones cost no more than a large one. A page that is loaded again goes on from the last `flush`.
 * The bytes are written by a worker (opfs-worker.js). Where the browser takes no more of them, the page's memory does: the
 * transfer goes on, and a reload goes on from what was flushed before.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Manifest } from "../core/manifest.js"
 * @import { PlacedPiece } from "../core/placement.js"
 * @import { KeepingSink, KeptBrowser, Received } from "./placing.js"
 * @import { SavedSums } from "./sums.js"
 */

import { BurrowError } from "../core/errors.js";
import { Far } from "../wire/far.js";
import { MemoryRow } from "./memory-row.js";
import { opfsDiscard, opfsFolder } from "./opfs.js";
import { named } from "./platform.js";
import { placed } from "./placing.js";
import { Sums } from "./sums.js";

const WORKER = new URL("./opfs-worker.js", import.meta.url);
const UNDERWAY_BYTES = 8 * 2 ** 20; // given to the worker and not written yet
const SURE_MS = 60_000; // no machine goes down and comes back in less
const ID = /^[\w-]{1,64}$/;

/** @implements {KeepingSink} */
export class OpfsSink {
  /** @type {"browser"} */ kind = "browser";
  /** As of the last flush. @type {KeptBrowser | null} */ kept = null;

  /** @type {string} */ #id;
  /** @type {Far | null} */ #far = null;
  /** @type {ReturnType<typeof placed>} */ #placed;
  /** By its number in `manifest.files`: which of those that are stored each file is, and where it begins.
   * @type {Map<number, {index: number, begin: number}>} */ #places;
  #end = 0; // bytes that were written
  #finished = false;
  /** What the browser did not take, behind what it did. @type {MemoryRow} */ #spill;
  /** As of the last flush. @type {SavedSums | null} */ #sums = null;
  #underway = 0;
  /** Resolved when there is less under way. */ #less = Promise.withResolvers();
  /** @type {Error | null} */ #fault = null;

  /** @param {string} id of the transfer @param {Manifest} manifest @param {number} limit bytes that may stay in memory
   * @param {KeptBrowser | null} [kept] */
  constructor(id, manifest, limit, kept = null) {
    if (!ID.test(id)) throw new TypeError("no id");
    this.#id = id;
    this.kept = kept;
    this.#spill = new MemoryRow(limit);
    this.#placed = placed(manifest);
    this.#places = new Map(this.#placed.files.map(({ number, begin }, index) => [number, { index, begin }]));
  }

  /** null: it is gone. @param {KeptBrowser} kept @param {Manifest} manifest @param {number} limit @returns {Promise<OpfsSink | null>} */
  static async reopen(kept, manifest, limit) {
    try {
      const { size } = await (await (await opfsFolder()).getFileHandle(kept.id)).getFile();
      return size < kept.size ? null : new OpfsSink(kept.id, manifest, limit, kept);
    } catch (error) {
      if (named(error)) return null;
      throw error;
    }
  }

  /** Some of it is in the page's memory. */
  get spilled() {
    return this.#spill.size > 0;
  }

  /** What a page wrote between its last flush and its reload. After longer the machine may have gone down meanwhile, and
   * what was not flushed may be anything. @returns {Promise<Blob | null>} */
  async beyond() {
    const { kept } = this;
    if (!kept || Date.now() - kept.when > SURE_MS) return null;
    const file = await (await (await opfsFolder()).getFileHandle(this.#id)).getFile();
    return file.slice(kept.size);
  }

  /** What it took of the browser's room. */
  async free() {
    await opfsDiscard(this.#id);
  }

  /** busy; missing. @param {Manifest} _manifest @param {boolean} resumed */
  async open(_manifest, resumed) {
    if (resumed && !this.kept) throw new BurrowError("missing", "the browser has thrown away what had arrived", { reason: "thrown-away" });
    void navigator.storage.persist?.().catch(() => false); // asks nobody, but in Firefox
    this.#far = new Far(WORKER, nowhere);
    const sums = resumed ? (this.kept?.sums ?? null) : null;
    this.#end = resumed ? (this.kept?.size ?? 0) : 0;
    await this.#ask("open", { id: this.#id, files: this.#placed.files.length, sums });
  }

  /** @param {number} file @param {number} offset @param {Uint8Array} content */
  async write(file, offset, content) {
    await this.writeAll([{ file, offset, piece: /** @type {Bytes} */ (content) }]);
  }

  /** Small files lie one behind the other in a block, and go to the worker together. @param {PlacedPiece[]} pieces */
  async writeAll(pieces) {
    for (const run of this.#runs(pieces)) {
      while (this.#underway >= UNDERWAY_BYTES) await this.#less.promise;
      if (this.#fault) throw this.#fault;
      this.#send(run);
    }
  }

  /** What lies together, here and there. @param {PlacedPiece[]} pieces */
  #runs(pieces) {
    /** @type {{at: number, end: number, content: Bytes, parts: [number, number, number][]}[]} */ const runs = [];
    for (const { file, offset, piece } of pieces) {
      const place = this.#places.get(file);
      if (place === undefined) throw new TypeError("no such file");
      const at = place.begin + offset;
      const last = runs.at(-1);
      const { buffer, byteOffset, length } = piece;
      if (last && last.end === at && last.content.buffer === buffer && last.content.byteOffset + last.content.length === byteOffset) {
        last.content = new Uint8Array(buffer, last.content.byteOffset, last.content.length + length);
        last.end += length;
        last.parts.push([place.index, offset, length]);
      } else runs.push({ at, end: at + length, content: piece, parts: [[place.index, offset, length]] });
    }
    return runs;
  }

  /** @param {{at: number, end: number, content: Bytes, parts: [number, number, number][]}} run */
  #send({ at, end, content, parts }) {
    // What is shared with something else cannot be moved.
    const whole = content.byteLength === content.buffer.byteLength;
    const own = whole ? content : content.slice();
    const { length } = own;
    this.#end = Math.max(this.#end, end);
    this.#underway += length;
    this.#ask("write", { at, parts, content: own }, [own.buffer])
      .then((refused) => refused && this.#spill.add(refused))
      .catch((error) => (this.#fault ??= error))
      .finally(() => {
        this.#underway -= length;
        this.#less.resolve(undefined);
        this.#less = Promise.withResolvers();
      });
  }

  async flush() {
    const sums = await this.#ask("flush").catch(() => null); // it cannot be made sure of, now
    if (this.#fault) throw this.#fault;
    this.#sums = sums ?? this.#sums;
    if (!sums || this.spilled) return false;
    this.kept = { kind: "browser", id: this.#id, sums, ended: false, size: this.#end, when: Date.now() };
    return true;
  }

  async finish() {
    const lasts = await this.flush();
    await this.#spill.settle();
    await this.#close();
    if (lasts && this.kept) this.kept = { ...this.kept, ended: true };
    this.#finished = true;
    return [];
  }

  async abort() {
    await this.#close();
    await opfsDiscard(this.#id);
    this.kept = null;
  }

  /** Lets go of the file and keeps it, for another tab or a later run. */
  async close() {
    await this.#close();
  }

  /** @param {ReadonlySet<number>} [lost] @returns {Promise<Received[]>} */
  async received(lost = new Set()) {
    const { kept } = this;
    if (!this.#finished && !kept?.ended) throw new TypeError("it has not ended");
    const sums = new Sums(this.#placed.files.length);
    const saved = this.#sums ?? kept?.sums;
    if (saved) sums.load(saved);
    const end = this.#finished ? this.#end : (kept?.size ?? 0);
    const whole = await this.#whole(end);
    /** @type {Received[]} */ const files = [];
    for (const [index, { number, path, modified, begin, size }] of this.#placed.files.entries()) {
      const length = size ?? end;
      const blob = async () => whole.slice(begin, begin + length);
      if (!lost.has(number)) files.push({ path, size: length, modified, crc: sums.of(index, length), blob, row: { blob: whole, begin } });
    }
    return files;
  }

  /** All of the row. @param {number} end @returns {Promise<Blob>} */
  async #whole(end) {
    const written = end - this.#spill.size;
    /** @type {BlobPart[]} */ const parts = [];
    if (written > 0) parts.push((await (await (await opfsFolder()).getFileHandle(this.#id)).getFile()).slice(0, written));
    return new Blob([...parts, this.#spill.blob()]);
  }

  folders() {
    return this.#placed.folders;
  }

  async #close() {
    const far = this.#far;
    if (!far) return;
    await this.#ask("close").catch(() => undefined); // a worker that failed holds nothing
    this.#far = null;
    far.close();
  }

  /** @param {string} call @param {object} [how] @param {ArrayBuffer[]} [moved] */
  #ask(call, how = {}, moved = []) {
    if (!this.#far) throw new TypeError("the place is not open");
    return this.#far.ask({ call, args: [how] }, moved);
  }
}

/** Where no worker starts, all of it comes back. @param {any} asked */
async function nowhere({ call, args: [how] }) {
  return call === "write" ? how.content : call === "flush" ? new Sums(0).save() : undefined;
}
