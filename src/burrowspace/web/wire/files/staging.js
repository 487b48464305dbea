/**
 * Between the paths and the place where a receiver writes: takes sealed blocks in order, opens them (engine.js), gives
 * contents to a sink, knows how far it is. What opened once is never asked again. Spec: docs/spec/staging.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Act } from "../../core/consent.js"
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { PlacedPiece } from "../../core/placement.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Saved } from "../../core/taking.js"
 * @import { TakingEngine } from "./engine.js"
 */

import { Consent } from "../../core/consent.js";
import { BurrowError } from "../../core/errors.js";
import { Layout } from "../../core/layout.js";
import { Manifest } from "../../core/manifest.js";
import { Placement } from "../../core/placement.js";
import { BLOCK, SUITES } from "../../core/sealing.js";
import { seconds } from "../runtime.js";

const TELL_S = 0.05; // between two tellings that blocks came

/** What a page that is loaded again goes on from; can be cloned. `texts`: what came of each so far, by the number of its file.
 * @typedef {Saved & {texts?: [number, Bytes][]}} Snapshot */

/**
 * Where a receiver's files go. Files are numbered as in `manifest.files`; texts that are shown never come here. Every method may
 * throw a BurrowError (`no-space`), which ends the transfer.
 *
 * @typedef {object} Sink
 * @property {(manifest: Manifest, resumed: boolean) => Promise<void>} open once, before the first write; makes empty files and folders
 * @property {(file: number, offset: number, content: Uint8Array) => Promise<void>} write in order; the bytes are the sink's
 * @property {(pieces: PlacedPiece[]) => Promise<void>} [writeAll] the same for all pieces of a block, which may be thousands
 * @property {(last: boolean) => Promise<boolean | void>} flush true: what was written so far survives the page. False: it
 *   cannot be made to, now; a page that is loaded again goes on from the flush before. `last`: no write follows
 * @property {() => Promise<Blob | null>} [beyond] what was written behind the last `flush` and is there still, in the order of the
 *   contents; asked once, before `open`
 * @property {(lost: ReadonlySet<number>) => Promise<string[]>} finish all is verified but these files, which the sender could
 *   not send to the end: puts the others in place and lets go of those; says where
 * @property {() => Promise<void>} abort removes what was written
 * @property {() => Promise<void>} [close] it was not finished, and stays for a later run
 */

export class Staging {
  /** Positions in a row that are verified and written. */ held = 0;
  /** Known once its blocks are here. @type {Manifest | null} */ manifest = null;
  /** What may be requested; a page has no place for a window before the yes. @type {Consent} */ consent;
  /** Blocks that came though they were here. */ again = 0;
  /** Blocks that did not open. */ tampered = 0;
  /** What no other path can mend: a full disk, a list that cannot be read. @type {BurrowError | null} */ fault = null;
  /** Sealed bytes that were of use, by path. @type {Record<string, number>} */ shares = {};
  /** Sealed bytes that came, of use or not, by path. @type {Record<string, number>} */ network = {};

  /** @type {TakingEngine} */ #engine;
  /** @type {Sink | null} */ #sink = null;
  /** @type {Placement | null} */ #placement = null;
  #next = 0; // the next position to be let in
  #toldAt = -1;
  #over = false;
  #run = 0; // rises when a block did not open: what was under way behind it is of no use
  /** @type {Promise<unknown>} */ #writing = Promise.resolve();
  /** Closed while a snapshot is taken. @type {Promise<unknown>} */ #gate = Promise.resolve();

  /** `moved` is called whenever `held` or `fault` changed. @param {TakingEngine} engine @param {Layout} layout @param {() => void} moved */
  constructor(engine, layout, moved) {
    this.#engine = engine;
    this.layout = layout;
    this.moved = moved;
    this.consent = new Consent(layout.manifestBlocks, 0);
  }

  /** Goes on from what `snapshot` gave; the engine was made with the same. @param {Snapshot} saved @param {Sink | null} sink */
  async resume(saved, sink) {
    this.held = this.#next = saved.next;
    if (saved.next < this.layout.manifestBlocks) return;
    this.#know(saved.manifest);
    this.#placement?.restore(saved.texts ?? []);
    if (!sink) return;
    const beyond = (await sink.beyond?.()) ?? null;
    await this.accept(sink, true);
    if (beyond) await this.#replay(beyond);
  }

  /** Blocks that an earlier run wrote after its last snapshot need not come again. @param {Blob} beyond */
  async #replay(beyond) {
    const { manifest } = this;
    if (!manifest || manifest.contentSize === null || manifest.files.some(({ kind }) => kind === "text")) return;
    const begin = (this.held - this.layout.manifestBlocks) * BLOCK;
    const size = Math.min(beyond.size, manifest.contentSize - begin);
    for (let at = 0; at + BLOCK <= size; at += BLOCK) {
      const plain = new Uint8Array(await beyond.slice(at, at + BLOCK).arrayBuffer());
      const { content, at: place } = await this.#engine.replay(this.held, plain);
      await this.#write(place, content);
      this.held = this.#next = this.held + 1;
    }
    this.moved();
  }

  /** Bytes of content that are here. */
  get content() {
    return this.manifest?.contentBefore(this.layout, this.held) ?? 0;
  }

  /** Whether everything is here. */
  get complete() {
    return this.held === this.layout.positions;
  }

  /** Positions that may be asked for now. @returns {number | null} null: all, whose number is not known */
  get limit() {
    return this.consent.limit(this.layout.positions);
  }

  /** The person wants it: written to `sink` from now on. What follows from the yes. @param {Sink} sink @param {boolean} [resumed] @returns {Promise<Act[]>} */
  async accept(sink, resumed = false) {
    if (!this.manifest) throw new TypeError("nothing is known yet of what comes");
    await sink.open(this.manifest, resumed);
    this.#sink = sink;
    if (resumed) this.consent = new Consent(this.layout.manifestBlocks, 0, true);
    this.consent.know(seconds()); // a yes that nobody had to be asked for
    const acts = this.consent.answer(true);
    this.moved();
    return acts;
  }

  /**
   * A block that came by a path. Several may be under way; each gives the positions held once it is written. tampered,
   * again: the path's fault; everything else is kept in `fault` too.
   *
   * @param {string} path
   * @param {number} position
   * @param {Bytes} sealed the staging's from then on
   * @param {Suite} [suite] of a segment, which may be another than the layout's
   * @returns {Promise<number>}
   */
  async take(path, position, sealed, suite = this.layout.suite) {
    this.network[path] = (this.network[path] ?? 0) + sealed.length;
    await this.#gate;
    if (this.fault) throw this.fault;
    if (position < this.#next) {
      this.again += 1;
      return this.held;
    }
    if (position > this.#next || (this.limit !== null && position >= this.limit)) {
      throw new BurrowError("broken", "a block came out of its order");
    }
    this.#next += 1;
    const run = this.#run;
    const size = sealed.length;
    const opened = this.#engine.take(position, sealed, suite);
    opened.catch(() => undefined);
    const written = this.#writing.then(async () => {
      const { content, at, manifest, last } = await opened;
      if (this.#over) throw new BurrowError("broken", "it has ended");
      if (manifest) this.#know(manifest);
      await this.#write(at, content);
      if (last && this.layout.packSize === null) {
        this.layout = this.layout.ended(position, size - SUITES[suite].overhead);
      }
      this.held = position + 1;
      this.shares[path] = (this.shares[path] ?? 0) + size;
      this.#came(manifest !== undefined || this.complete);
      return this.held;
    });
    this.#writing = written.catch((error) => this.#failed(error, run));
    return written;
  }

  /** null where the one before holds still. Waits until all that came is written.
   * @param {boolean} [last] nothing comes any more @returns {Promise<Snapshot | null>} */
  async snapshot(last = false) {
    const saved = this.#gate.then(async () => {
      await this.#writing;
      if (this.#sink && (await this.#sink.flush(last)) === false) return null;
      const texts = this.#placement?.save() ?? [];
      return { ...(await this.#engine.save()), texts };
    });
    this.#gate = saved.catch(() => undefined);
    return saved;
  }

  /** All is here: compares every digest, puts it in place, but for the `lost`. mismatch: nothing is.
   * @returns {Promise<{digest: Bytes, places: string[], texts: string[], lost: LeftOut}>} */
  async finish() {
    await this.#writing;
    const { digest, lost, wrong } = await this.#engine.finish();
    if (wrong.length) {
      await this.#sink?.abort();
      const names = wrong.map((file) => this.manifest?.files[file].path.join("/") ?? "");
      throw new BurrowError("mismatch", "what arrived is not what the sender's list says", { files: names });
    }
    const without = new Set(lost.map(([file]) => file));
    return { digest, places: (await this.#sink?.finish(without)) ?? [], texts: this.#placement?.textsBut(without) ?? [], lost };
  }

  /** Lets go of the engine and of the sink; what was written stays. */
  async close() {
    await this.#end(this.#sink?.close);
  }

  /** Removes what was written, too. */
  async abort() {
    await this.#end(this.#sink?.abort);
  }

  /** A write may wait for a person who has paused a download: the sink is told first. @param {(() => Promise<void>) | undefined} how */
  async #end(how) {
    const sink = this.#sink;
    this.#over = true;
    this.#sink = null;
    this.#engine.close();
    await how?.call(sink);
    await this.#writing;
  }

  /** Tells it, and not for every block. @param {boolean} now */
  #came(now) {
    const at = seconds();
    if (!now && at - this.#toldAt < TELL_S) return;
    this.#toldAt = at;
    this.moved();
  }

  /** @param {unknown} error @param {number} run */
  #failed(error, run) {
    const { code } = error instanceof BurrowError ? error : { code: "error" };
    if (run === this.#run) {
      this.#run += 1;
      this.#next = this.held;
      if (code === "tampered") this.tampered += 1;
    }
    if (code !== "tampered" && code !== "again" && code !== "broken") {
      this.fault ??= error instanceof BurrowError ? error : new BurrowError("error", String(error));
    }
    this.moved();
  }

  /** @param {Bytes} data */
  #know(data) {
    const manifest = Manifest.parse(data);
    if (this.layout.packSize === null && manifest.packSize !== null) {
      const { suite, manifestSize } = this.layout;
      this.layout = new Layout(suite, manifestSize, manifest.packSize);
    }
    this.#placement = new Placement(manifest);
    this.manifest = manifest;
  }

  /** @param {number} at @param {Bytes} content */
  async #write(at, content) {
    const placed = this.#placement?.place(at, content) ?? [];
    if (this.#sink?.writeAll) return this.#sink.writeAll(placed);
    for (const { file, offset, piece } of placed) await this.#sink?.write(file, offset, piece);
  }
}
