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
 * @typedef {Pick<Giving, "seal" | "digest" | "catchUp"> & Pick<Uploads, "hold" | "patch" | "drop">} GivingWork */
/** The receiver's: opens, hashes. @typedef {Pick<Taking, "take" | "replay" | "finish" | "save">} TakingWork */

/** @param {Given} given @returns {Promise<GivingWork>} */
export async function makeGiving(given) {
  const giving = await Giving.make(given);
  const uploads = new Uploads((position, count) => giving.sealParts(position, count));
  return {
    seal: (position, count) => giving.seal(position, count),
    digest: () => giving.digest(),
    catchUp: (position) => giving.catchUp(position),
    hold: (position, count) => uploads.hold(position, count),
    patch: (id, skip, url, headers) => uploads.patch(id, skip, url, headers),
    drop: (id) => uploads.drop(id),
  };
}

/** @param {Wanted} wanted @param {Saved} [saved] @returns {Promise<TakingWork>} */
export async function makeTaking(wanted, saved) {
  return Taking.make(wanted, saved);
}
