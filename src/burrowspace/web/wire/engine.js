/**
 * A Giving or a Taking, in a worker where there is one (a browser) and else here (Node, in tests): the same face.
 *
 * @import { Given } from "../core/giving.js"
 * @import { Saved, Wanted } from "../core/taking.js"
 */

import { Giving } from "../core/giving.js";
import { Taking } from "../core/taking.js";
import { Far } from "./far.js";

const WORKER = new URL("../core/worker.js", import.meta.url);

/** What both have in common: `close` ends the worker.
 * @typedef {Pick<Giving, "seal" | "digest" | "catchUp"> & {close: () => void}} GivingEngine
 * @typedef {Pick<Taking, "take" | "replay" | "finish" | "save"> & {close: () => void}} TakingEngine */

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
  const far = new Far(WORKER);
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
      replay: (position, plain) => near.replay(position, plain),
      finish: () => near.finish(),
      save: () => near.save(),
      close: () => undefined,
    };
  }
  const far = new Far(WORKER);
  far.ask({ make: "taking", args: [wanted, saved] }).catch(() => undefined);
  return {
    take: (position, sealed, suite) => far.ask({ call: "take", args: [position, sealed, suite] }, [sealed.buffer]),
    replay: (position, plain) => far.ask({ call: "replay", args: [position, plain] }, [plain.buffer]),
    finish: () => far.ask({ call: "finish" }),
    save: () => far.ask({ call: "save" }),
    close: () => far.close(),
  };
}
