/** What a place for small values can do (four shelves of values by key), and one that is the page's memory. */

export const SHELVES = /** @type {const} */ (["settings", "kept", "history", "held"]);

/** @typedef {typeof SHELVES[number]} Shelf */
/** By shelf; undefined removes. @typedef {Partial<Record<Shelf, unknown>>} Values */

/**
 * @typedef {object} Database
 * @property {(shelf: Shelf, key: string) => Promise<any>} get undefined: nothing
 * @property {(key: string, values: Values) => Promise<void>} change several shelves in one step: all or none; values are cloned
 * @property {(shelf: Shelf) => Promise<any[]>} all in the order of their keys
 * @property {(shelf: Shelf) => Promise<string[]>} keys in order
 * @property {(shelf: Shelf) => Promise<void>} clear
 */

/** @returns {Database} */
export function inMemory() {
  const shelves = new Map(SHELVES.map((shelf) => [shelf, /** @type {Map<string, unknown>} */ (new Map())]));
  const on = (/** @type {Shelf} */ shelf) => /** @type {Map<string, unknown>} */ (shelves.get(shelf));
  const keys = (/** @type {Shelf} */ shelf) => [...on(shelf).keys()].sort();
  return {
    get: async (shelf, key) => structuredClone(on(shelf).get(key)),
    change: async (key, values) => {
      for (const shelf of shelvesOf(values)) {
        if (values[shelf] === undefined) on(shelf).delete(key);
        else on(shelf).set(key, structuredClone(values[shelf]));
      }
    },
    all: async (shelf) => keys(shelf).map((key) => structuredClone(on(shelf).get(key))),
    keys: async (shelf) => keys(shelf),
    clear: async (shelf) => on(shelf).clear(),
  };
}

/** @param {Values} values */
export function shelvesOf(values) {
  return /** @type {Shelf[]} */ (Object.keys(values));
}
