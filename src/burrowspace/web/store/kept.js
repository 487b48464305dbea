/**
 * Transfers that are not over, so that a page that is loaded again, or another one tomorrow, goes on with them. One tab
 * alone may go on with one: `hold`. What it sends is kept apart (keepable.js), so a note every two seconds is small.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Kept } from "./placing.js"
 * @import { KeptItem } from "./keepable.js"
 */

import { database } from "./database.js";

/**
 * @typedef {object} KeptTransfer
 * @property {string} id of the page's own choice: /^[\w-]{1,64}$/
 * @property {"send" | "receive"} direction
 * @property {string} title
 * @property {number} created ms since 1970
 * @property {string} [link]
 * @property {Bytes} secret
 * @property {any} state SendState or ReceiveState, as `keep` gave it
 * @property {Kept | null} [sink] of a receiver: its `kept`, read when `keep` was called
 * @property {KeptItem[] | null} [files] of a sender; null: the person must choose them again. Undefined leaves what was put before
 */

export const kept = {
  /** The oldest first, without `files`. @returns {Promise<KeptTransfer[]>} */
  async list() {
    const all = /** @type {KeptTransfer[]} */ (await (await database()).all("kept"));
    return all.sort((one, other) => one.created - other.created);
  },

  /** With `files`. @param {string} id @returns {Promise<KeptTransfer | null>} */
  async get(id) {
    const base = await database();
    const record = await base.get("kept", id);
    return record ? { ...record, files: (await base.get("held", id)) ?? null } : null;
  },

  /** no-space. @param {string} id @param {KeptTransfer} record */
  async put(id, record) {
    const { files, ...kept } = record;
    await (await database()).change(id, files === undefined ? { kept } : { kept, held: files });
  },

  /** Its sink's bytes are ways.js#discard's to free. @param {string} id */
  async remove(id) {
    await (await database()).change(id, { kept: undefined, held: undefined });
  },
};
