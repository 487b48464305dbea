/**
 * A segment's pieces: seals them, and has them held and sent by workers that are ended after a while (pieces-worker.js says
 * why). In the worker that seals, so no byte passes the page. Asked through engine.js by relay/spool-writer.js.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Answer } from "./pieces.js"
 */

import { Far } from "../far.js";
import { Pieces } from "./pieces.js";

const WORKER = new URL("./pieces-worker.js", import.meta.url);
const PART = 16; // blocks that are sealed at once: 4 MiB, the most of a piece that is in JavaScript's hands
const LIFE_BYTES = 128 * 2 ** 20; // that one worker carries, and the browser may go on holding until it ends

/** A piece that is held: `size` in sealed bytes. @typedef {{id: number, size: number}} Held */

/** Who holds some of the pieces. @typedef {{ask: (call: "add" | "patch" | "drop", args: any[], moved?: ArrayBuffer[]) => Promise<any>,
 *   close: () => void, carried: number, held: Set<number>}} Carrier */

export class Uploads {
  /** @type {Map<number, Carrier>} */ #at = new Map();
  /** Takes the next piece. @type {Carrier | null} */ #carrier = null;
  #count = 0;
  /** @type {(position: number, count: number) => Promise<Bytes[]>} */ #seal;

  /** @param {(position: number, count: number) => Promise<Bytes[]>} seal sealed blocks in parts, one behind the other */
  constructor(seal) {
    this.#seal = seal;
  }

  /** Seals a piece. Errors of `seal`. @param {number} position @param {number} count blocks @returns {Promise<Held>} */
  async hold(position, count) {
    const carrier = (this.#carrier ??= carries());
    const id = (this.#count += 1);
    this.#at.set(id, carrier);
    carrier.held.add(id);
    let size = 0;
    try {
      for (let at = position; at < position + count; at += PART) {
        const parts = await this.#seal(at, Math.min(PART, position + count - at));
        const bytes = parts.reduce((sum, part) => sum + part.length, 0);
        size += bytes;
        carrier.carried += bytes;
        await carrier.ask("add", [id, parts], parts.map((part) => part.buffer));
      }
    } catch (error) {
      this.drop(id);
      throw error;
    }
    if (carrier.carried >= LIFE_BYTES && carrier === this.#carrier) this.#carrier = null;
    return { id, size };
  }

  /** Sends what lies behind the first `skip` bytes of a piece. An Error where the line broke, or the piece was dropped.
   * @param {number} id @param {number} skip @param {string} url @param {Record<string, string>} headers @returns {Promise<Answer>} */
  async patch(id, skip, url, headers) {
    const carrier = this.#at.get(id);
    if (!carrier) throw new Error("this piece is not held any more");
    return carrier.ask("patch", [id, skip, url, headers]);
  }

  /** Lets go of a piece, under way or not. @param {number} id */
  drop(id) {
    const carrier = this.#at.get(id);
    if (!carrier) return;
    this.#at.delete(id);
    carrier.held.delete(id);
    if (carrier.carried >= LIFE_BYTES && !carrier.held.size) carrier.close();
    else carrier.ask("drop", [id]).catch(() => undefined); // one that has failed holds nothing
  }
}

/** @returns {Carrier} */
function carries() {
  const pieces = new Pieces();
  const near = (/** @type {{call: "add" | "patch" | "drop", args: any[]}} */ { call, args }) => /** @type {any} */ (pieces)[call](...args);
  const rest = { carried: 0, held: new Set() };
  if (typeof Worker === "undefined") return { ask: (call, args) => near({ call, args }), close: () => undefined, ...rest };
  const far = new Far(WORKER, near);
  return { ask: (call, args, moved) => far.ask({ call, args }, moved), close: () => far.close(), ...rest };
}
