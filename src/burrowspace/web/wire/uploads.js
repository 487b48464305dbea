/**
 * Pieces of a leg: sealed, held until the server has them, sent from where they are held. In the worker that seals, so no
 * byte of them passes the page. Asked through engine.js by relay.js.
 *
 * A piece is held as a Blob: Chromium sends one ten to thirty times as fast as a buffer, and keeps it outside of the page.
 *
 * @import { Bytes } from "../core/bytes.js"
 */

const PART = 16; // blocks that are sealed at once: 4 MiB, the most of a piece that is in JavaScript's hands

/** A piece that is held: `size` in sealed bytes. @typedef {{id: number, size: number}} Held */
/** The parts of a Response that can be posted. @typedef {{status: number, headers: Record<string, string>, text: string}} Answer */

export class Uploads {
  /** @type {Map<number, {blob: Blob, cut: AbortController}>} */ #held = new Map();
  #count = 0;
  /** @type {(position: number, count: number) => Promise<Bytes[]>} */ #seal;

  /** @param {(position: number, count: number) => Promise<Bytes[]>} seal sealed blocks in parts, one behind the other */
  constructor(seal) {
    this.#seal = seal;
  }

  /** Seals a piece. Errors of `seal`. @param {number} position @param {number} count blocks @returns {Promise<Held>} */
  async hold(position, count) {
    const parts = [];
    for (let at = position; at < position + count; at += PART) {
      parts.push(new Blob(await this.#seal(at, Math.min(PART, position + count - at))));
    }
    const blob = new Blob(parts);
    const id = (this.#count += 1);
    this.#held.set(id, { blob, cut: new AbortController() });
    return { id, size: blob.size };
  }

  /** Sends what lies behind the first `skip` bytes of a piece. An Error where the line broke, or the piece was dropped.
   * @param {number} id @param {number} skip @param {string} url @param {Record<string, string>} headers @returns {Promise<Answer>} */
  async patch(id, skip, url, headers) {
    const held = this.#held.get(id);
    if (!held) throw new Error("this piece is not held any more");
    const answer = await fetch(url, { method: "PATCH", headers, body: held.blob.slice(skip), signal: held.cut.signal });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  }

  /** Lets go of a piece, under way or not. @param {number} id */
  drop(id) {
    this.#held.get(id)?.cut.abort();
    this.#held.delete(id);
  }
}
