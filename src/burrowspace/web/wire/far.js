/**
 * A worker of ours, asked as one asks a function: `{id, …, args}` goes there, `{id, value}` or `{id, error: {code,
 * sentence}}` comes back. The workers: engine-worker.js, pieces-worker.js, store/opfs-worker.js.
 */

import { BurrowError } from "../core/errors.js";
import { trusted } from "./trusted.js";

export class Far {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #calls = new Map();
  #count = 0;
  /** @type {Worker} */ #worker;

  /** @param {URL} url of its module */
  constructor(url) {
    this.#worker = new Worker(/** @type {URL} */ (trusted(url)), { type: "module" });
    this.#worker.onmessage = ({ data: { id, value, error } }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error) call?.reject(new BurrowError(error.code, error.sentence));
      else call?.resolve(value);
    };
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#calls.values()) reject(new BurrowError("error", event.message || "a worker failed"));
      this.#calls.clear();
    };
  }

  /** @param {object} message @param {ArrayBuffer[]} [moved] @returns {Promise<any>} */
  ask(message, moved = []) {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, args: [], ...message }, moved);
    });
  }

  close() {
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(new BurrowError("cancelled", "closed"));
    this.#calls.clear();
  }
}
