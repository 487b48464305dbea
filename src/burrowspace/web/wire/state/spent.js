/**
 * Codes for which this end gave its proof and got no secret: whoever sat in between had one guess, and gets no second.
 * Twin of client/state/spent.py. Remembered as hashes, the latest KEPT of them; where they are kept is the caller's.
 *
 * @import { Code } from "../../core/codes.js"
 */

import { hex, utf8 } from "../../core/bytes.js";
import { formatCode } from "../../core/codes.js";
import { sha256 } from "../../vendor/noble-hashes.js";

const KEPT = 500;
const KEPT_MS = 30 * 86_400_000; // codes live for an hour

/** When each was given up, ms since 1970, by its mark. @typedef {Record<string, number>} Marks */

export class Spent {
  /** @type {Marks} */ #marks = {};
  /** @type {() => Promise<Marks | undefined>} */ #load;
  /** @type {(marks: Marks) => Promise<void>} */ #save;

  /** By default for as long as the page lives. @param {{load?: () => Promise<Marks | undefined>, save?: (marks: Marks) => Promise<void>}} [how] */
  constructor({ load = async () => undefined, save = async () => undefined } = {}) {
    this.#load = load;
    this.#save = save;
  }

  /** @param {Code} code */
  async has(code) {
    return mark(code) in (await this.#all());
  }

  /** @param {Code} code */
  async add(code) {
    const all = { ...(await this.#all()), [mark(code)]: Date.now() };
    const fresh = Object.entries(all).filter(([, when]) => when > Date.now() - KEPT_MS);
    fresh.sort(([, one], [, other]) => one - other);
    await this.#keep(Object.fromEntries(fresh.slice(-KEPT)));
  }

  /** It worked, after all. @param {Code} code */
  async drop(code) {
    const { [mark(code)]: _, ...others } = await this.#all();
    await this.#keep(others);
  }

  /** Another page of this browser may have added some. */
  async #all() {
    return { ...this.#marks, ...(await this.#load()) };
  }

  /** @param {Marks} marks */
  async #keep(marks) {
    this.#marks = marks;
    await this.#save(marks);
  }
}

/** @param {Code} code */
function mark(code) {
  return hex(sha256(utf8(`burrow/1 spent code ${formatCode(code)}`))).slice(0, 32);
}
