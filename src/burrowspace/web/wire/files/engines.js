/**
 * What works on the blocks of a transfer, in the place where it is made: a page, a worker, Node.
 *
 * @import { Given } from "../../core/giving.js"
 * @import { Saved, Wanted } from "../../core/taking.js"
 */

import { Giving } from "../../core/giving.js";
import { Taking } from "../../core/taking.js";
import { Uploads } from "./uploads.js";

/** The sender's: seals, hashes, sends pieces to the server.
 * @typedef {Pick<Giving, "seal" | "gave" | "catchUp" | "leaveOut"> & Pick<Uploads, "hold" | "patch" | "drop">} GivingWork */
/** The receiver's: opens, hashes. @typedef {Pick<Taking, "take" | "replay" | "finish" | "save">} TakingWork */

/** What may be asked of each. */
export const METHODS = {
  giving: ["seal", "gave", "catchUp", "leaveOut", "hold", "patch", "drop"],
  taking: ["take", "replay", "finish", "save"],
};

/** @param {Given} given @returns {Promise<GivingWork>} */
export async function makeGiving(given) {
  const giving = await Giving.make(given);
  const uploads = new Uploads((position, count) => giving.sealParts(position, count));
  const [own, sent] = [METHODS.giving.slice(0, 4), METHODS.giving.slice(4)];
  return { ...bound(giving, own), ...bound(uploads, sent) };
}

/** @param {Wanted} wanted @param {Saved} [saved] @returns {Promise<TakingWork>} */
export async function makeTaking(wanted, saved) {
  return /** @type {TakingWork} */ (bound(await Taking.make(wanted, saved), METHODS.taking));
}

/** @param {any} whole @param {string[]} methods @returns {any} */
function bound(whole, methods) {
  return Object.fromEntries(methods.map((name) => [name, whole[name].bind(whole)]));
}
