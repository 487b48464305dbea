/**
 * A worker of ours, asked as one asks a function: `{id, …, args}` goes there, `{id, value}` or `{id, error: {code,
 * sentence}}` comes back. Its first word is `{ready: true}`; where the network fails before, it is loaded again. The
 * workers: engine-worker.js, pieces-worker.js, store/opfs-worker.js.
 */

import { BurrowError } from "../core/errors.js";
import { LOAD_PAUSES_S } from "./ambient.js";
import { trusted } from "./trusted.js";

export class Far {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #calls = new Map();
  /** What was asked before it was loaded. @type {[object, ArrayBuffer[]][]} */ #early = [];
  #count = 0;
  #loads = 0;
  #ready = false;
  /** It could not be loaded, or is closed. @type {BurrowError | null} */ #over = null;
  /** @type {URL} */ #url;
  /** @type {Worker} */ #worker;

  /** @param {URL} url of its module */
  constructor(url) {
    this.#url = url;
    this.#worker = this.#load();
  }

  /** @param {object} message @param {ArrayBuffer[]} [moved] @returns {Promise<any>} */
  ask(message, moved = []) {
    if (this.#over) return Promise.reject(this.#over);
    const id = (this.#count += 1);
    const whole = { id, args: [], ...message };
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      if (this.#ready) this.#worker.postMessage(whole, moved);
      else this.#early.push([whole, moved]);
    });
  }

  close() {
    this.#worker.terminate();
    this.#over ??= new BurrowError("cancelled", "closed");
    this.#reject(this.#over);
  }

  #load() {
    const worker = new Worker(/** @type {URL} */ (trusted(this.#url)), { type: "module" });
    worker.onmessage = ({ data }) => (data.ready ? this.#loaded() : this.#answered(data));
    worker.onerror = ({ message }) => this.#failed(message);
    return worker;
  }

  #loaded() {
    this.#ready = true;
    for (const [message, moved] of this.#early.splice(0)) this.#worker.postMessage(message, moved);
  }

  /** @param {{id: number, value?: any, error?: {code: string, sentence: string}}} answer */
  #answered({ id, value, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(new BurrowError(error.code, error.sentence));
    else call?.resolve(value);
  }

  /** @param {string | undefined} why undefined: it did not come over the network */
  #failed(why) {
    if (!this.#ready && !why && this.#loads < LOAD_PAUSES_S.length) {
      setTimeout(() => {
        if (!this.#over) this.#worker = this.#load();
      }, LOAD_PAUSES_S[this.#loads] * 1000);
      this.#loads += 1;
      return;
    }
    const error = new BurrowError("error", why || "a part of this page could not be loaded; load it again");
    if (!this.#ready) this.#over = error;
    this.#reject(error);
  }

  /** @param {BurrowError} error */
  #reject(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
