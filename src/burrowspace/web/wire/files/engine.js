/**
 * A Giving or a Taking, in a worker where there is one (a browser) and else here (Node, in tests): the same face.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Given } from "../../core/giving.js"
 * @import { Saved, Wanted } from "../../core/taking.js"
 * @import { GivingWork, TakingWork } from "./engines.js"
 */

import { makeGiving, makeTaking } from "./engines.js";
import { Far } from "../far.js";

const WORKER = new URL("./engine-worker.js", import.meta.url);

/** Up to `count` sealed blocks from `position` on, one behind the other. @typedef {(position: number, count: number) => Promise<Bytes>} Seal */
/** `close` ends the worker. @typedef {GivingWork & {close: () => void}} GivingEngine
 * @typedef {TakingWork & {close: () => void}} TakingEngine */

/** @param {Given} given @returns {Promise<GivingEngine>} */
export async function givingEngine(given) {
  if (typeof Worker === "undefined") return { ...(await makeGiving(given)), close: () => undefined };
  const far = new Far(WORKER);
  far.ask({ make: "giving", args: [given] }).catch(() => undefined); // whoever asks first hears of it
  return {
    seal: (position, count) => far.ask({ call: "seal", args: [position, count] }),
    digest: () => far.ask({ call: "digest" }),
    catchUp: (position) => far.ask({ call: "catchUp", args: [position] }),
    hold: (position, count) => far.ask({ call: "hold", args: [position, count] }),
    patch: (id, skip, url, headers) => far.ask({ call: "patch", args: [id, skip, url, headers] }),
    drop: (id) => void far.ask({ call: "drop", args: [id] }).catch(() => undefined), // a worker that is gone holds nothing
    close: () => far.close(),
  };
}

/** The buffer that is given to `take` is the engine's from then on.
 * @param {Wanted} wanted @param {Saved} [saved] @returns {Promise<TakingEngine>} */
export async function takingEngine(wanted, saved) {
  if (typeof Worker === "undefined") {
    const near = await makeTaking(wanted, saved);
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
