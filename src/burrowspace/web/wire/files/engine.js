/**
 * A Giving or a Taking, in a worker where there is one (a browser) and else here (Node, in tests): the same face.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Given } from "../../core/giving.js"
 * @import { Saved, Wanted } from "../../core/taking.js"
 * @import { GivingWork, TakingWork } from "./engines.js"
 */

import { Far } from "../far.js";
import { makeGiving, makeTaking, METHODS } from "./engines.js";

const WORKER = new URL("./engine-worker.js", import.meta.url);
const MOVED = ["take", "replay"]; // the buffer in their second argument is the engine's from then on

/** Up to `count` sealed blocks from `position` on, one behind the other.
 * @typedef {(position: number, count: number) => Promise<Bytes>} Seal */
/** A sealed block that came, the callee's from then on; the positions held when it is written.
 * @typedef {(position: number, sealed: Bytes) => Promise<number>} Take */
/** `close` ends the worker. @typedef {GivingWork & {close: () => void}} GivingEngine
 * @typedef {TakingWork & {close: () => void}} TakingEngine */

/** @param {Given} given @returns {Promise<GivingEngine>} */
export async function givingEngine(given) {
  if (typeof Worker === "undefined") return { ...(await makeGiving(given)), close: () => undefined };
  const engine = /** @type {GivingEngine} */ (inWorker("giving", [given]));
  // A worker that is gone holds nothing.
  return { ...engine, drop: (id) => void Promise.resolve(engine.drop(id)).catch(() => undefined) };
}

/** @param {Wanted} wanted @param {Saved} [saved] @returns {Promise<TakingEngine>} */
export async function takingEngine(wanted, saved) {
  if (typeof Worker === "undefined") return { ...(await makeTaking(wanted, saved)), close: () => undefined };
  return /** @type {TakingEngine} */ (inWorker("taking", [wanted, saved]));
}

/** @param {"giving" | "taking"} make @param {any[]} made with these @returns {any} */
function inWorker(make, made) {
  /** @type {Promise<any>} */ let here = Promise.reject(new TypeError("nothing is made yet"));
  here.catch(() => undefined);
  const near = async (/** @type {any} */ asked) => {
    if (asked.make) here = make === "giving" ? makeGiving(asked.args[0]) : makeTaking(asked.args[0], asked.args[1]);
    const engine = await here;
    return asked.call && engine[asked.call](...asked.args);
  };
  const far = new Far(WORKER, near);
  far.ask({ make, args: made }).catch(() => undefined); // whoever asks first hears of it
  /** @param {string} call */
  const ask = (call) => (/** @type {any[]} */ ...args) =>
    far.ask({ call, args }, MOVED.includes(call) ? [args[1].buffer] : []);
  return { ...Object.fromEntries(METHODS[make].map((call) => [call, ask(call)])), close: () => far.close() };
}
