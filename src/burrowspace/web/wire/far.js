/**
 * A worker of ours, asked as one asks a function: `{id, …, args}` goes there, `{id, value}` or `{id, error: {code,
 * sentence, fields?}}` comes back. Its first word is `{ready: true}`; where the network fails before, it is loaded again. In a
 * browser that starts none, the page itself answers. The workers: engine-worker.js, pieces-worker.js,
 * store/opfs-worker.js.
 */

import { BurrowError } from "../core/errors.js";
import { ours } from "./runtime.js";
import { loadLazily } from "./lazy-import.js";
import { trusted } from "./trusted.js";

const REFUSED_MOST = 2; // times that it does not start although the network has it

/** @typedef {(message: any) => Promise<any>} Near */

export class Far {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #calls = new Map();
  #count = 0;
  /** It could not be loaded, or is closed. @type {BurrowError | null} */ #over = null;
  /** @type {Promise<Worker | null>} */ #worker;
  /** @type {Near} */ #near;

  /** @param {URL} url of its module @param {Near} near does the same here, where no worker starts */
  constructor(url, near) {
    this.#near = near;
    this.#worker = started(url).then((worker) => {
      if (!worker) return null;
      worker.onmessage = ({ data: { id, value, error } }) => {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        if (error) call?.reject(new BurrowError(error.code, error.sentence, error.fields));
        else call?.resolve(value);
      };
      worker.onerror = ({ message }) => this.#reject(new BurrowError("error", message || "a worker failed"));
      return worker;
    });
    this.#worker.catch((error) => this.#end(ours(error)));
  }

  /** @param {object} message @param {ArrayBuffer[]} [moved] @returns {Promise<any>} */
  ask(message, moved = []) {
    if (this.#over) return Promise.reject(this.#over);
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      const post = (/** @type {Worker | null} */ worker) => {
        if (worker) worker.postMessage({ id, args: [], ...message }, moved);
        else void this.#near({ args: [], ...message }).then(resolve, (error) => reject(ours(error)));
      };
      this.#worker.then(post).catch(reject);
    });
  }

  close() {
    this.#worker.then((worker) => worker?.terminate()).catch(() => undefined); // there is none
    this.#end(new BurrowError("cancelled", "closed"));
  }

  /** @param {BurrowError} why */
  #end(why) {
    this.#over ??= why;
    this.#reject(this.#over);
  }

  /** @param {BurrowError} error */
  #reject(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

/** null: this browser starts none, though it can be loaded. @param {URL} url @returns {Promise<Worker | null>} */
function started(url) {
  let refused = 0;
  return loadLazily(async () => {
    try {
      return await loaded(url);
    } catch (error) {
      if (!(error instanceof TypeError)) return null; // a policy, a setting, a browser that knows no modules there
      const there = await fetch(url).then(({ ok }) => ok, () => false);
      if (there && (refused += 1) > REFUSED_MOST) return null;
      throw error;
    }
  });
}

/** TypeError, as of an import: it did not come over the network. @param {URL} url @returns {Promise<Worker>} */
function loaded(url) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(/** @type {URL} */ (trusted(url)), { type: "module" });
    worker.onmessage = () => resolve(worker);
    worker.onerror = ({ message }) => {
      if (message) reject(new BurrowError("error", message));
      else reject(new TypeError("a part of this page could not be loaded; load it again"));
    };
  });
}
