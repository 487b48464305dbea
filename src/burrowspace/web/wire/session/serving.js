/**
 * Seals the blocks of one transfer for whoever asks, and counts what went where.
 *
 * @import { Path } from "../../core/paths.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { GivingEngine } from "../files/engine.js"
 * @import { RelaySegment } from "../relay/relay-segment.js"
 * @import { Carry } from "../relay/spool-writer.js"
 */

import { hex } from "../../core/bytes.js";
import { SUITES } from "../../core/sealing.js";
import { seconds } from "../runtime.js";

export class Serving {
  /** Sealed bytes by path. @type {Record<string, number>} */ shares = {};
  /** Pieces that were sent though the receiver had said that it holds them. */ again = 0;
  /** Blocks that were sealed. */ sealed = 0;
  /** When the first receiver came. @type {number | null} */ metAt = null;
  /** Seconds from then to the first block. @type {number | null} */ firstByte = null;
  /** @type {string | null} */ #digest = null;

  /** @param {GivingEngine} engine @param {Suite} suite */
  constructor(engine, suite) {
    this.engine = engine;
    this.suite = suite;
  }

  /** Sealed blocks for a link, one behind the other; the receiver had said that it holds `held`.
   * @param {Path} path @param {number} position @param {number} count @param {number} held */
  async seal(path, position, count, held) {
    if (position < held) this.again += 1;
    const sealed = await this.engine.seal(position, count);
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
        const piece = await engine.hold(position, count);
        this.#count(segment.rests ? "store" : "relay", piece.size);
        return piece;
      },
      patch: (id, skip, url, headers) => engine.patch(id, skip, url, headers),
      drop: (id) => engine.drop(id),
    };
  }

  /** Of everything, in hex; what was not read yet is read now. */
  async digest() {
    this.#digest ??= hex(await this.engine.digest());
    return this.#digest;
  }

  /** @param {Path} path @param {number} size sealed bytes */
  #count(path, size) {
    this.shares[path] = (this.shares[path] ?? 0) + size;
    this.sealed += Math.ceil(size / SUITES[this.suite].sealed);
    if (this.metAt !== null) this.firstByte ??= seconds() - this.metAt;
  }
}
