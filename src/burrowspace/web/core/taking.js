/**
 * The receiver's blocks: opens each, hashes the content once and in order, compares the digests at the end. Works in a
 * page or in a worker (worker.js) behind the same face; writes nothing. Specs: docs/spec/sealing.md, manifest.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { LeftOut } from "./left-out.js"
 * @import { Suite } from "./sealing.js"
 */

import { joined } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { Layout } from "./layout.js";
import { compare } from "./left-out.js";
import { DIGEST_BYTES, Manifest } from "./manifest.js";
import { Digests, Row, total } from "./pack.js";
import { BLOCK, BlockKey, MANIFEST, SUITES } from "./sealing.js";

const NOTHING = new Uint8Array(0);

/**
 * What a receiver knows of a transfer; all of it can be cloned to a worker.
 *
 * @typedef {object} Wanted
 * @property {Bytes} secret
 * @property {Bytes} transfer 16 bytes
 * @property {Suite} suite
 * @property {number} manifestSize
 * @property {number | null} packSize
 */

/** Where a page goes on that was loaded again. @typedef {{next: number, packSize: number | null, manifest: Bytes, tail: Bytes, area: Bytes,
 *   digests: {upto: number, area: Bytes, state: Bytes} | null}} Saved */

/** What a block held: content bytes and where they belong in the row of all contents; the manifest, once it is whole.
 * `last`: the transfer's last block. @typedef {{content: Bytes, at: number, manifest?: Bytes, last: boolean}} Taken */

export class Taking {
  /** Made when they are first needed: a leg may be sealed in another suite than a link. @type {Map<Suite, BlockKey>} */
  #keys = new Map();
  /** @type {Wanted} */ #wanted;
  /** @type {Layout} */ #layout;
  #next = 0; // the position that is taken next
  /** @type {Promise<unknown>} */ #turn = Promise.resolve();
  /** @type {Bytes[]} */ #parts = []; // of the manifest
  /** @type {Row | null} */ #row = null;
  /** @type {Digests | null} */ #digests = null;
  /** The last bytes of a pack of unknown size: its digest perhaps. @type {Bytes} */ #tail = NOTHING;
  /** The digests that the sender sent. @type {Bytes} */ #area = NOTHING;

  /** @param {Wanted} wanted */
  constructor(wanted) {
    this.#wanted = wanted;
    this.#layout = new Layout(wanted.suite, wanted.manifestSize, wanted.packSize);
  }

  /** @param {Wanted} wanted @param {Saved} [saved] */
  static async make(wanted, saved) {
    const taking = new Taking(saved ? { ...wanted, packSize: saved.packSize } : wanted);
    if (saved) await taking.#load(saved);
    return taking;
  }

  /**
   * Opens a block and hashes what it held. Several may be under way, in the order of their positions. tampered; `again`
   * for a position that is not the next, as all are behind one that did not open.
   *
   * @param {number} position
   * @param {Bytes} sealed
   * @param {Suite} [suite] default: the one that is wanted
   * @returns {Promise<Taken>}
   */
  async take(position, sealed, suite = this.#layout.suite) {
    const { file, index } = this.#layout.where(position);
    const end = sealed.length < SUITES[suite].sealed;
    const opened = this.#key(suite).open(file, index, end, sealed);
    const turn = this.#turn.then(async () => {
      const plain = await opened;
      if (position !== this.#next) throw new BurrowError("again", "this is not the block that is taken next");
      const known = this.#layout.isEnd(position);
      if (known !== null && known !== end) throw new BurrowError("tampered", "a stream ended where it should not");
      const taken = file === MANIFEST ? await this.#manifest(plain, end) : this.#pack(position, plain, end);
      this.#next += 1;
      return taken;
    });
    opened.catch(() => undefined);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** A block that was opened and written by an earlier run, behind what that run could still save: its plaintext, a
   * whole block of nothing but content. @param {number} position @param {Bytes} plain @returns {Promise<Taken>} */
  async replay(position, plain) {
    const turn = this.#turn.then(() => {
      const { file } = this.#layout.where(position);
      const fits = (this.#digests?.upto ?? Infinity) + plain.length <= (this.#row?.content ?? 0);
      if (position !== this.#next || file === MANIFEST || plain.length !== BLOCK || !fits) {
        throw new BurrowError("again", "this is not the block that is taken next");
      }
      this.#next += 1;
      return this.#pack(position, plain, false);
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The transfer's digest; files that the sender could not send to the end, and why; the numbers of those that are not
   * what was sent: none but by a sender's error. @returns {Promise<{digest: Bytes, lost: LeftOut, wrong: number[]}>} */
  async finish() {
    const row = this.#row;
    const digests = this.#digests;
    if (!row || !digests || this.#next !== this.#layout.positions) throw new TypeError("it is not all here");
    digests.add(NOTHING); // empty files alone
    digests.end();
    const own = digests.area;
    if (own.length !== this.#area.length) throw new BurrowError("mismatch", "the sender sent other digests than files");
    return { digest: await total(this.#area), ...compare(own, this.#area) };
  }

  /** What `make` goes on from; asked while nothing is under way. @returns {Promise<Saved>} */
  async save() {
    await this.#turn;
    return {
      next: this.#next,
      packSize: this.#layout.packSize,
      manifest: joined(...this.#parts),
      tail: this.#tail,
      area: this.#area,
      digests: this.#digests?.save() ?? null,
    };
  }

  /** @param {Suite} suite */
  #key(suite) {
    const key = this.#keys.get(suite) ?? new BlockKey(this.#wanted.secret, this.#wanted.transfer, suite);
    this.#keys.set(suite, key);
    return key;
  }

  /** @param {Saved} saved */
  async #load({ next, manifest, tail, area, digests }) {
    this.#next = next;
    this.#parts = [manifest];
    if (next < this.#layout.manifestBlocks) return;
    await this.#know(manifest);
    if (digests) this.#digests?.load(digests);
    this.#tail = tail;
    this.#area = area;
  }

  /** @param {Bytes} plain @param {boolean} end @returns {Promise<Taken>} */
  async #manifest(plain, end) {
    this.#parts.push(plain);
    if (!end) return { content: NOTHING, at: 0, last: false };
    const whole = joined(...this.#parts);
    await this.#know(whole);
    this.#parts = [whole];
    return { content: NOTHING, at: 0, manifest: whole.slice(), last: false };
  }

  /** @param {Bytes} data */
  async #know(data) {
    const manifest = Manifest.parse(data);
    const declared = this.#layout.packSize;
    if (manifest.packSize !== null && declared !== null && manifest.packSize !== declared) {
      throw new BurrowError("bad-manifest", "the list of files is not of the size that was offered");
    }
    if (manifest.packSize !== null && declared === null) {
      this.#layout = new Layout(this.#layout.suite, this.#layout.manifestSize, manifest.packSize);
    }
    this.#row = new Row(manifest.files.map((file) => file.size ?? Infinity));
    this.#digests = await Digests.make(this.#row);
  }

  /** @param {number} position @param {Bytes} plain @param {boolean} end @returns {Taken} */
  #pack(position, plain, end) {
    const row = this.#row;
    const digests = this.#digests;
    if (!row || !digests) throw new TypeError("the manifest is not here");
    const at = digests.upto;
    let content;
    if (row.content !== Infinity) {
      content = plain.subarray(0, Math.max(0, row.content - at));
      if (content.length < plain.length) this.#area = joined(this.#area, plain.subarray(content.length));
    } else {
      const whole = joined(this.#tail, plain);
      content = whole.subarray(0, Math.max(0, whole.length - DIGEST_BYTES));
      this.#tail = whole.slice(content.length);
    }
    if (content.length) digests.add(content);
    if (end) {
      this.#layout = this.#layout.ended(position, plain.length);
      if (row.content === Infinity) {
        if (this.#tail.length < DIGEST_BYTES) throw new BurrowError("tampered", "the pack ended before its digest");
        row.end(digests.upto);
        this.#area = this.#tail;
      }
    }
    return { content, at, last: end };
  }
}
