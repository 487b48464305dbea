/**
 * Transfers that are not over, so that a page that is loaded again, or another one tomorrow, goes on with them. One tab
 * alone may go on with one: `hold`. What it sends is kept apart (keepable.js), so a note every two seconds is small.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Kept } from "./placing.js"
 * @import { KeptItem } from "./keepable.js"
 */

import { database } from "./database.js";

const PROBE = "probe"; // no transfer's id
const BYTES_MOST = 16 * 2 ** 20; // that are copied through the page's memory

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
    const all = /** @type {KeptTransfer[]} */ (await database.all("kept"));
    return all.sort((one, other) => one.created - other.created);
  },

  /** With `files`. @param {string} id @returns {Promise<KeptTransfer | null>} */
  async get(id) {
    const record = await database.get("kept", id);
    return record ? { ...record, files: (await database.get("held", id)) ?? null } : null;
  },

  /** Where the browser does not take the files, they are kept in another form, or must be chosen again; where it takes
   * nothing, `database.lasting` says so. @param {string} id @param {KeptTransfer} record */
  async put(id, record) {
    const { files, ...kept } = record;
    if (!files) return database.change(id, files === undefined ? { kept } : { kept, held: undefined });
    const held = (await (blobs ??= storesBlobs())) ? files : await asBytes(files);
    if (held && (await database.tries(id, { kept, held }))) return;
    if (!(await database.tries(id, { kept, held: undefined }))) await database.change(id, { kept, held: files });
  },

  /** Its sink's bytes are ways.js#discard's to free. @param {string} id */
  async remove(id) {
    await database.change(id, { kept: undefined, held: undefined });
  },
};

/** @type {Promise<boolean> | null} */ let blobs = null;

/** WebKit's private windows store no Blob. It is asked for alone: in a step with others, they would wait for ever. */
async function storesBlobs() {
  const takes = await database.tries(PROBE, { held: new Blob(["?"]) });
  await database.change(PROBE, { held: undefined });
  return takes;
}

/** For a browser that stores no Blob; null: too much of it, or it cannot be read any more. @param {KeptItem[]} files @returns {Promise<KeptItem[] | null>} */
async function asBytes(files) {
  const size = files.reduce((sum, each) => sum + ("blob" in each ? each.size : 0), 0);
  if (size > BYTES_MOST) return null;
  const copied = files.map(async (each) => {
    if (!("blob" in each)) return each;
    const { blob, ...head } = each;
    return { ...head, bytes: await blob.arrayBuffer() };
  });
  return Promise.all(copied).catch(() => null);
}
