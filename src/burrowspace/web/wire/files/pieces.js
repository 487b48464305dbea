/**
 * Pieces of a segment, sealed and held until the server has them. Each is held as a Blob: Chromium sends one ten to thirty
 * times as fast as a buffer, and keeps it outside of the page. Works here or in a worker (pieces-worker.js).
 *
 * @import { Bytes } from "../../core/bytes.js"
 */

/** The parts of a Response that can be posted. @typedef {{status: number, headers: Record<string, string>, text: string}} Answer */

export class Pieces {
  /** @type {Map<number, {parts: Blob[], cut: AbortController}>} */ #held = new Map();

  /** More of a piece, which begins with its first part. @param {number} id @param {Bytes[]} bytes @returns {Promise<void>} */
  async add(id, bytes) {
    const piece = this.#held.get(id) ?? { parts: [], cut: new AbortController() };
    piece.parts.push(new Blob(bytes));
    this.#held.set(id, piece);
  }

  /** Sends what lies behind the first `skip` bytes of a piece. An Error where the line broke, or the piece was dropped.
   * @param {number} id @param {number} skip @param {string} url @param {Record<string, string>} headers @returns {Promise<Answer>} */
  async patch(id, skip, url, headers) {
    const piece = this.#held.get(id);
    if (!piece) throw new Error("this piece is not held any more");
    const body = new Blob(piece.parts);
    const answer = await fetch(url, { method: "PATCH", headers, body: skip ? body.slice(skip) : body, signal: piece.cut.signal });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  }

  /** Lets go of a piece, under way or not. @param {number} id @returns {Promise<void>} */
  async drop(id) {
    this.#held.get(id)?.cut.abort();
    this.#held.delete(id);
  }
}
