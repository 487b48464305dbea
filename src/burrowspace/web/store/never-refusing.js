/**
 * A database that refuses nothing: what the browser does not keep (a private window, a full disk, a database that breaks
 * in the middle) stays in the page's memory until it does, so no transfer fails for it.
 *
 * @import { Database, Shelf, Values } from "./in-memory.js"
 */

import { inMemory, shelvesOf } from "./in-memory.js";

/** @implements {Database} */
export class NeverRefusing {
  /** The browser's; it may fail at any time. @type {() => Promise<Database>} */ #open;
  /** @type {() => void} */ #changed;
  /** What the browser's does not have as it should. */ #memory = inMemory();
  /** The keys of those on each shelf, the removed ones, too. @type {Map<Shelf, Set<string>>} */ #own = new Map();
  #lasting = true;

  /** @param {() => Promise<Database>} open called for every use @param {() => void} [changed] `lasting` did */
  constructor(open, changed = () => undefined) {
    this.#open = open;
    this.#changed = changed;
  }

  /** All that was put is there when the page is loaded again. */
  get lasting() {
    return this.#lasting;
  }

  /** @param {Shelf} shelf @param {string} key @returns {Promise<any>} */
  async get(shelf, key) {
    if (this.#owns(shelf, key)) return this.#memory.get(shelf, key);
    return this.#read((base) => base.get(shelf, key), undefined);
  }

  /** @param {string} key @param {Values} values */
  async change(key, values) {
    if (await this.tries(key, values)) return;
    await this.#memory.change(key, values);
    for (const shelf of shelvesOf(values)) this.#own.set(shelf, (this.#own.get(shelf) ?? new Set()).add(key));
    this.#see();
  }

  /** As `change`, but only where it lasts; whether it did. @param {string} key @param {Values} values */
  async tries(key, values) {
    try {
      await (await this.#open()).change(key, values);
    } catch {
      return false;
    }
    for (const shelf of shelvesOf(values)) {
      if (this.#own.get(shelf)?.delete(key)) await this.#memory.change(key, { [shelf]: undefined });
    }
    this.#see();
    return true;
  }

  /** @param {Shelf} shelf @returns {Promise<any[]>} */
  async all(shelf) {
    if (!this.#own.get(shelf)?.size) return this.#read((base) => base.all(shelf), []);
    const values = await Promise.all((await this.keys(shelf)).map((key) => this.get(shelf, key)));
    return values.filter((value) => value !== undefined); // another tab removed it
  }

  /** @param {Shelf} shelf @returns {Promise<string[]>} */
  async keys(shelf) {
    return (await this.sureKeys(shelf)) ?? this.#memory.keys(shelf);
  }

  /** The same; null where the browser's own cannot be read now, so what it has is not known. @param {Shelf} shelf
   * @returns {Promise<string[] | null>} */
  async sureKeys(shelf) {
    const theirs = await this.#read((base) => base.keys(shelf), null);
    return theirs && [...theirs.filter((key) => !this.#owns(shelf, key)), ...(await this.#memory.keys(shelf))].sort();
  }

  /** @param {Shelf} shelf */
  async clear(shelf) {
    const keys = new Set([...(await this.keys(shelf)), ...(this.#own.get(shelf) ?? [])]);
    for (const key of keys) await this.change(key, { [shelf]: undefined });
  }

  /** @param {Shelf} shelf @param {string} key */
  #owns(shelf, key) {
    return this.#own.get(shelf)?.has(key) ?? false;
  }

  /** @template T @param {(base: Database) => Promise<T>} read @param {T} otherwise @returns {Promise<T>} */
  async #read(read, otherwise) {
    try {
      return await read(await this.#open());
    } catch {
      return otherwise;
    }
  }

  #see() {
    const lasting = ![...this.#own.values()].some(({ size }) => size > 0);
    if (lasting === this.#lasting) return;
    this.#lasting = lasting;
    this.#changed();
  }
}
