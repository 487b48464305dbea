/**
 * What the page keeps of small things: IndexedDB `burrow`, four shelves of values by key. Where the browser refuses one
 * (a private window), the same in memory, and `lasting` is false. no-space: the browser has no more room.
 */

import { BurrowError } from "../core/errors.js";
import { named } from "./platform.js";

const NAME = "burrow";
const VERSION = 1;
const SHELVES = /** @type {const} */ (["settings", "kept", "history", "held"]);

/** @typedef {typeof SHELVES[number]} Shelf */

/**
 * @typedef {object} Database
 * @property {boolean} lasting it is there when the page is loaded again
 * @property {(shelf: Shelf, key: string) => Promise<any>} get undefined: nothing
 * @property {(shelf: Shelf, key: string, value: unknown) => Promise<void>} put the value is cloned
 * @property {(shelf: Shelf, key: string) => Promise<void>} remove
 * @property {(key: string, values: Partial<Record<Shelf, unknown>>) => Promise<void>} change several shelves in one step: all or none; undefined removes
 * @property {(shelf: Shelf) => Promise<any[]>} all in the order of their keys
 * @property {(shelf: Shelf) => Promise<string[]>} keys in order
 * @property {(shelf: Shelf) => Promise<void>} clear
 */

/** @type {Promise<Database> | null} */ let opened = null;

/** The one of this page. @returns {Promise<Database>} */
export function database() {
  opened ??= open().then(ofBrowser, () => inMemory());
  return opened;
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, VERSION);
    asked.onupgradeneeded = () => {
      for (const shelf of SHELVES) {
        if (!asked.result.objectStoreNames.contains(shelf)) asked.result.createObjectStore(shelf);
      }
    };
    asked.onerror = () => reject(asked.error);
    asked.onsuccess = () => {
      const { result } = asked;
      result.onversionchange = () => result.close(); // a newer page is there
      result.onclose = () => (opened = null);
      resolve(result);
    };
  });
}

/** @param {IDBDatabase} base @returns {Database} */
function ofBrowser(base) {
  /** @param {Shelf[]} shelves @param {IDBTransactionMode} mode @param {(transaction: IDBTransaction) => IDBRequest | void} act @returns {Promise<any>} */
  const within = (shelves, mode, act) =>
    new Promise((resolve, reject) => {
      const transaction = base.transaction(shelves, mode, { durability: "strict" });
      const request = act(transaction);
      const failed = () => reject(ours(transaction.error ?? request?.error ?? null));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = failed;
      transaction.onerror = failed;
    });
  /** @param {Shelf} shelf @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act @returns {Promise<any>} */
  const run = (shelf, mode, act) => within([shelf], mode, (transaction) => act(transaction.objectStore(shelf)));
  return {
    lasting: true,
    get: (shelf, key) => run(shelf, "readonly", (store) => store.get(key)),
    put: (shelf, key, value) => run(shelf, "readwrite", (store) => store.put(value, key)),
    remove: (shelf, key) => run(shelf, "readwrite", (store) => store.delete(key)),
    change: (key, values) =>
      within(shelvesOf(values), "readwrite", (transaction) => {
        for (const shelf of shelvesOf(values)) {
          const store = transaction.objectStore(shelf);
          if (values[shelf] === undefined) store.delete(key);
          else store.put(values[shelf], key);
        }
      }),
    all: (shelf) => run(shelf, "readonly", (store) => store.getAll()),
    keys: (shelf) => run(shelf, "readonly", (store) => store.getAllKeys()),
    clear: (shelf) => run(shelf, "readwrite", (store) => store.clear()),
  };
}

/** @returns {Database} */
export function inMemory() {
  const shelves = new Map(SHELVES.map((shelf) => [shelf, /** @type {Map<string, unknown>} */ (new Map())]));
  const on = (/** @type {Shelf} */ shelf) => /** @type {Map<string, unknown>} */ (shelves.get(shelf));
  const keys = (/** @type {Shelf} */ shelf) => [...on(shelf).keys()].sort();
  return {
    lasting: false,
    get: async (shelf, key) => structuredClone(on(shelf).get(key)),
    put: async (shelf, key, value) => void on(shelf).set(key, structuredClone(value)),
    remove: async (shelf, key) => void on(shelf).delete(key),
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

/** @param {Partial<Record<Shelf, unknown>>} values */
function shelvesOf(values) {
  return /** @type {Shelf[]} */ (Object.keys(values));
}

/** @param {DOMException | null} error */
function ours(error) {
  if (named(error) === "QuotaExceededError") {
    return new BurrowError("no-space", "the browser has no more room to keep this; free some space");
  }
  return error ?? new BurrowError("error", "the browser's database gave up");
}
