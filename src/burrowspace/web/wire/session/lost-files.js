/**
 * The files of one sending that could not be read to the end: written down before the first zero is sent in the place of
 * one, told to the person, and left out for good. Twin of client/files/left_out.py. Spec: docs/spec/manifest.md.
 *
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Event } from "../events.js"
 */

import { BurrowError } from "../../core/errors.js";
import { CLAUSES, lostBytes, noneLeft, notesOf } from "../../core/left-out.js";

export class LostFiles {
  /** Why, by the number of the file. @type {Map<number, string>} */ #why;
  /** @type {Manifest} */ #manifest;
  /** @type {() => void | Promise<void>} */ #keep;
  /** @type {(event: Event) => void} */ #tell;

  /** `before`: by an earlier run. `keep` writes `all` down.
   * @param {Manifest} manifest @param {LeftOut} before @param {() => void | Promise<void>} keep
   * @param {(event: Event) => void} tell */
  constructor(manifest, before, keep, tell) {
    this.#manifest = manifest;
    this.#why = new Map(before);
    this.#keep = keep;
    this.#tell = tell;
  }

  /** @returns {LeftOut} */
  get all() {
    return [...this.#why];
  }

  get any() {
    return this.#why.size > 0;
  }

  /** Of their content. */
  get bytes() {
    return lostBytes(this.#why, this.#manifest.files);
  }

  /** Tells those of the earlier run. */
  begin() {
    if (this.any) this.#tell({ event: "noted", ...notesOf(this.#why, this.#manifest.files) });
  }

  /** Gives those of them that are new. changed: no other file is left. @param {LeftOut} lost @returns {Promise<LeftOut>} */
  async add(lost) {
    const { files } = this.#manifest;
    const fresh = lost.filter(([file]) => !this.#why.has(file));
    if (!fresh.length) return [];
    if (noneLeft(this.#why.size + fresh.length, files.length)) {
      const name = this.#name(fresh[0][0]);
      throw new BurrowError("changed", `${name} was changed, moved or cannot be read any more; choose it again and send anew`, { name });
    }
    for (const [file, why] of fresh) this.#why.set(file, why);
    await this.#keep();
    this.#tell({ event: "noted", ...notesOf(fresh, files) });
    return fresh;
  }

  /** What a receiver of an older version is told, which does not know what it means that a file is left out; null: none is. */
  get forOlder() {
    for (const [file, why] of this.#why) {
      const name = this.#name(file);
      const sentence = `${name} ${CLAUSES[why] ?? CLAUSES.lost}; an older version receives it, so send it again`;
      return new BurrowError("changed", sentence, { reason: "older-receiver", name });
    }
    return null;
  }

  /** @param {number} file */
  #name(file) {
    return this.#manifest.files[file].path.join("/");
  }
}
