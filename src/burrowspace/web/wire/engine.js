/**
 * A Giving or a Taking, in a worker where there is one (a browser) and else here (Node, in tests): the same face.
 *
 * @import { Given } from "../core/giving.js"
 * @import { Saved, Wanted } from "../core/taking.js"
 */

import { BurrowError } from "../core/errors.js";
import { Giving } from "../core/giving.js";
import { Taking } from "../core/taking.js";

/** What both have in common: `close` ends the worker.
 * @typedef {Pick<Giving, "seal" | "digest" | "catchUp"> & {close: () => void}} GivingEngine
 * @typedef {Pick<Taking, "take" | "finish" | "save"> & {close: () => void}} TakingEngine */

/** The far end of core/worker.js. */
class Far {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #calls = new Map();
  #count = 0;
  #worker = new Worker(/** @type {URL} */ (trusted(new URL("../core/worker.js", import.meta.url))), { type: "module" });

  constructor() {
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

/** @type {{createScriptURL: (url: string) => unknown} | undefined} */ let policy;

/** An address of ours, as a page with Trusted Types wants it; its policy is named `burrow-worker`. @param {URL} url @returns {unknown} */
function trusted(url) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return url;
  policy ??= types.createPolicy("burrow-worker", { createScriptURL: (/** @type {string} */ address) => address });
  return policy?.createScriptURL(url.href);
}

/** @param {Given} given @returns {Promise<GivingEngine>} */
export async function givingEngine(given) {
  if (typeof Worker === "undefined") {
    const near = await Giving.make(given);
    return {
      seal: (position, count) => near.seal(position, count),
      digest: () => near.digest(),
      catchUp: (position) => near.catchUp(position),
      close: () => undefined,
    };
  }
  const far = new Far();
  far.ask({ make: "giving", args: [given] }).catch(() => undefined); // whoever asks first hears of it
  return {
    seal: (position, count) => far.ask({ call: "seal", args: [position, count] }),
    digest: () => far.ask({ call: "digest" }),
    catchUp: (position) => far.ask({ call: "catchUp", args: [position] }),
    close: () => far.close(),
  };
}

/** The buffer that is given to `take` is the engine's from then on.
 * @param {Wanted} wanted @param {Saved} [saved] @returns {Promise<TakingEngine>} */
export async function takingEngine(wanted, saved) {
  if (typeof Worker === "undefined") {
    const near = await Taking.make(wanted, saved);
    return {
      take: (position, sealed, suite) => near.take(position, sealed, suite),
      finish: () => near.finish(),
      save: () => near.save(),
      close: () => undefined,
    };
  }
  const far = new Far();
  far.ask({ make: "taking", args: [wanted, saved] }).catch(() => undefined);
  return {
    take: (position, sealed, suite) => far.ask({ call: "take", args: [position, sealed, suite] }, [sealed.buffer]),
    finish: () => far.ask({ call: "finish" }),
    save: () => far.ask({ call: "save" }),
    close: () => far.close(),
  };
}
