/**
 * What the page keeps of small things: IndexedDB `burrow`. What the browser refuses stays in memory (never-refusing.js).
 *
 * @import { Database, Shelf, Values } from "./in-memory.js"
 */

import { BurrowError } from "../core/errors.js";
import { SHELVES, shelvesOf } from "./in-memory.js";
import { NeverRefusing } from "./never-refusing.js";

const NAME = "burrow";
const VERSION = 1;
const OPEN_MS = 5000; // a browser that has not answered by then will not
const STEP_MS = 20_000; // the same, of one step, which may write 64 MiB

/** @type {Promise<Database> | null} */ let opened = null;
/** @type {Set<() => void>} */ const watchers = new Set();

/** The one of this page. */
export const database = new NeverRefusing(
  () => (opened ??= open()),
  () => watchers.forEach((changed) => changed()),
);

/** Calls it whenever `database.lasting` changed. @param {() => void} changed */
export function watchLasting(changed) {
  watchers.add(changed);
}

/** @returns {Promise<Database>} */
async function open() {
  const asked = indexedDB.open(NAME, VERSION);
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let late;
  try {
    return await new Promise((resolve, reject) => {
      late = setTimeout(() => reject(new BurrowError("error", "the browser's database does not open")), OPEN_MS);
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
        resolve(ofBrowser(result));
      };
    });
  } finally {
    clearTimeout(late);
  }
}

/** @param {IDBDatabase} base @returns {Database} */
function ofBrowser(base) {
  /** @param {Shelf[]} shelves @param {IDBTransactionMode} mode @param {(transaction: IDBTransaction) => IDBRequest | void} act @returns {Promise<any>} */
  const within = (shelves, mode, act) => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let late;
    return new Promise((resolve, reject) => {
      const transaction = base.transaction(shelves, mode, { durability: "strict" });
      /** @type {IDBRequest | void} */ let request;
      late = setTimeout(() => {
        reject(new BurrowError("error", "the browser's database does not answer"));
        opened = null; // what waits behind it would wait for ever
        base.close();
      }, STEP_MS);
      const failed = () => reject(transaction.error ?? request?.error ?? new BurrowError("error", "the browser's database gave up"));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = transaction.onerror = failed;
      try {
        request = act(transaction);
      } catch (error) {
        transaction.abort(); // a value that cannot be cloned: all or none
        reject(error);
      }
    }).finally(() => clearTimeout(late));
  };
  /** @param {Shelf} shelf @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act @returns {Promise<any>} */
  const run = (shelf, mode, act) => within([shelf], mode, (transaction) => act(transaction.objectStore(shelf)));
  return {
    get: (shelf, key) => run(shelf, "readonly", (store) => store.get(key)),
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
