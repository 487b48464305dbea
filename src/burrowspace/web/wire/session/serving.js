/**
 * Seals the blocks of one transfer for whoever asks, and counts what went where. Files that cannot be read any more are
 * left out: once that is written down, the engine goes on without them.
 *
 * @import { BurrowError } from "../../core/errors.js"
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { GivingEngine } from "../files/engine.js"
 * @import { RelaySegment } from "../relay/relay-segment.js"
 * @import { Carry } from "../relay/spool-writer.js"
 * @import { LostFiles } from "./lost-files.js"
 */

import { LEFT_OUT } from "../../core/left-out.js";
import { SUITES } from "../../core/sealing.js";
import { ours, seconds } from "../runtime.js";

export class Serving {
  /** Sealed bytes by path. @type {Record<string, number>} */ shares = {};
  /** Pieces that were sent though the receiver had said that it holds them. */ again = 0;
  /** Blocks that were sealed. */ sealed = 0;
  /** When the first receiver came. @type {number | null} */ metAt = null;
  /** Seconds from then to the first block. @type {number | null} */ firstByte = null;
  /** One leaving out after the other. @type {Promise<unknown>} */ #leaving = Promise.resolve();

  /** `refusal`: what to raise instead of a block once a file is left out; null: whoever is here knows what that means.
   * @param {GivingEngine} engine @param {Suite} suite @param {LostFiles} lost @param {() => BurrowError | null} refusal */
  constructor(engine, suite, lost, refusal) {
    this.engine = engine;
    this.suite = suite;
    this.lost = lost;
    this.refusal = refusal;
  }

  /** Sealed blocks for a link, one behind the other; the receiver had said that it holds `held`.
   * @param {Path} path @param {number} position @param {number} count @param {number} held */
  async seal(path, position, count, held) {
    if (position < held) this.again += 1;
    const sealed = await this.#served(() => this.engine.seal(position, count));
    this.#count(path, sealed.length);
    return sealed;
  }

  /** The same for a segment, which may have several followers, or none yet. @param {RelaySegment} segment
   * @returns {Carry} */
  carry(segment) {
    const { engine } = this;
    return {
      hold: async (position, count) => {
        const held = Math.min(...[...segment.followers].map((each) => each.book.held)); // Infinity for nobody
        if (held !== Infinity && position < held) this.again += 1;
        const piece = await this.#served(() => engine.hold(position, count));
        this.#count(segment.rests ? "store" : "relay", piece.size);
        return piece;
      },
      patch: (id, skip, url, headers) => engine.patch(id, skip, url, headers),
      drop: (id) => engine.drop(id),
    };
  }

  /** Hashes what lies before, so that the end does not wait for it. @param {number} position */
  catchUp(position) {
    return this.#readable(() => this.engine.catchUp(position));
  }

  /** Whether this digest, in hex, is of everything that was sent; what was not read yet is read now. @param {string} digest */
  gave(digest) {
    return this.#readable(() => this.engine.gave(digest));
  }

  /** The same for whoever is here. changed: the only receiver cannot go on without a file.
   * @template T @param {() => Promise<T> | T} ask @returns {Promise<T>} */
  async #served(ask) {
    const given = await this.#readable(ask);
    const refusal = this.lost.any ? this.refusal() : null;
    if (refusal) throw refusal;
    return given;
  }

  /** What the engine gives, without the files that it cannot read. changed: no other file is left.
   * @template T @param {() => Promise<T> | T} ask @returns {Promise<T>} */
  async #readable(ask) {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const { code, fields } = ours(error);
        if (code !== LEFT_OUT) throw error;
        this.#leaving = this.#leaving.catch(() => undefined).then(() => this.#leaveOut(/** @type {LeftOut} */ (fields.lost)));
        await this.#leaving;
      }
    }
  }

  /** @param {LeftOut} lost */
  async #leaveOut(lost) {
    const fresh = await this.lost.add(lost);
    if (fresh.length) await this.engine.leaveOut(fresh);
  }

  /** What went where, for the last event. */
  get counts() {
    const { again, firstByte, sealed, shares } = this;
    return { again, firstByte, sealed, shares: { ...shares }, network: { ...shares } };
  }

  /** @param {Path} path @param {number} size sealed bytes */
  #count(path, size) {
    this.shares[path] = (this.shares[path] ?? 0) + size;
    this.sealed += Math.ceil(size / SUITES[this.suite].sealed);
    if (this.metAt !== null) this.firstByte ??= seconds() - this.metAt;
  }
}
