/**
 * Which bytes of a transfer go where: into a file, or into a text, which is kept in memory to be shown. No file is
 * written here.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Manifest } from "./manifest.js"
 */

import { joined } from "./bytes.js";
import { Row } from "./pack.js";

/** Where a part of the contents goes; `piece` is a view of them. @typedef {{file: number, offset: number, piece: Bytes}} PlacedPiece */

const TEXTS_BYTES = 8 * 2 ** 20; // of all texts together

/** Which files are texts to be shown, by their number: as many of them, in their order, as fit into memory. Any other text
 * is stored like a file. @param {Manifest} manifest @returns {Set<number>} */
export function shownTexts({ files }) {
  /** @type {Set<number>} */ const shown = new Set();
  let room = TEXTS_BYTES;
  for (const [number, { kind, size }] of files.entries()) {
    if (kind !== "text" || (size ?? 0) > room) continue;
    room -= size ?? 0;
    shown.add(number);
  }
  return shown;
}

export class Placement {
  /** Chunks of texts by the number of their file. @type {Map<number, Uint8Array[]>} */ #texts = new Map();
  /** @type {Row} */ #row;

  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.#row = new Row(manifest.files.map((file) => file.size ?? Infinity));
    for (const number of shownTexts(manifest)) this.#texts.set(number, []);
  }

  /** Content from byte `at` on: what of it goes into which file; texts are kept.
   * @param {number} at @param {Bytes} content @returns {PlacedPiece[]} */
  place(at, content) {
    /** @type {PlacedPiece[]} */ const placed = [];
    for (const { file, offset, begin, end } of content.length ? this.#row.pieces(at, at + content.length) : []) {
      const piece = content.subarray(begin, end);
      const text = this.#texts.get(file);
      if (text) text.push(piece);
      else if (piece.length) placed.push({ file, offset, piece });
    }
    return placed;
  }

  /** What came of each text so far, by the number of its file. @returns {[number, Bytes][]} */
  save() {
    return [...this.#texts].map(([file, chunks]) => [file, joined(...chunks)]);
  }

  /** What `save` gave to an earlier run. @param {[number, Bytes][]} saved */
  restore(saved) {
    for (const [file, content] of saved) this.#texts.get(file)?.push(content);
  }

  /** As a person reads them, without the files that are lost; what is no UTF-8 shows as such.
   * @param {ReadonlySet<number>} lost */
  textsBut(lost) {
    return [...this.#texts].filter(([file]) => !lost.has(file)).map(([, chunks]) => {
      const decoder = new TextDecoder();
      return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
    });
  }
}
