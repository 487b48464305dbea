/**
 * Transfers that are not over, so that a page that is loaded again, or another one tomorrow, goes on with them. One tab
 * alone may go on with one: `hold`. What it sends is kept apart (keepable.js), so a note every two seconds is small.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Kept } from "./placing.js"
 * @import { KeptItem } from "./keepable.js"
 * @import { NeverRefusing } from "./never-refusing.js"
 */

import { database } from "./database.js";

const PROBE = "probe"; // no transfer's id
const PIECE = 500; // files that are put there in one step
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

export class KeptTransfers {
  /** @type {NeverRefusing} */ #database;
  /** What is done with each record, the next behind the one before. @type {Map<string, Promise<void>>} */ #turns = new Map();
  /** @type {Promise<boolean> | null} */ #blobs = null;

  /** @param {NeverRefusing} database */
  constructor(database) {
    this.#database = database;
  }

  /** The oldest first, without `files`. @returns {Promise<KeptTransfer[]>} */
  async list() {
    const all = /** @type {KeptTransfer[]} */ (await this.#database.all("kept"));
    return all.sort((one, other) => one.created - other.created);
  }

  /** With `files`. @param {string} id @returns {Promise<KeptTransfer | null>} */
  async get(id) {
    const record = await this.#database.get("kept", id);
    return record ? { ...record, files: await this.#files(id) } : null;
  }

  /** Where the browser does not take the files, they are kept in another form, or must be chosen again; where it takes
   * nothing, `database.lasting` says so. @param {string} id @param {KeptTransfer} record */
  async put(id, { files, ...kept }) {
    const database = this.#database;
    await this.#inTurn(id, async () => {
      if (files === undefined) return database.change(id, { kept });
      await this.#dropPieces(id);
      if (!files) return database.change(id, { kept, held: undefined });
      const held = (await (this.#blobs ??= this.#storesBlobs())) ? files : await asBytes(files);
      if (held && (await (held.length > PIECE ? this.#triesPieces(id, kept, held) : database.tries(id, { kept, held })))) return;
      await this.#dropPieces(id);
      if (!(await database.tries(id, { kept, held: undefined }))) await database.change(id, { kept, held: files });
    });
  }

  /** Its sink's bytes are ways.js#discard's to free. @param {string} id */
  async remove(id) {
    await this.#inTurn(id, async () => {
      await this.#dropPieces(id); // first, so that none is left which no record speaks of
      await this.#database.change(id, { kept: undefined, held: undefined });
    });
  }

  /** @param {string} id @param {() => Promise<void>} act */
  async #inTurn(id, act) {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).catch(() => undefined).then(act);
    this.#turns.set(id, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }

  /** Thousands of files in several steps: one would keep the page busy for a second. The record comes first; a page that
   * is closed before all pieces are there has the files chosen again. Whether all is there.
   * @param {string} id @param {Omit<KeptTransfer, "files">} kept @param {KeptItem[]} held */
  async #triesPieces(id, kept, held) {
    const database = this.#database;
    if (!(await database.tries(id, { kept, held: undefined }))) return false;
    let pieces = 0;
    for (let at = 0; at < held.length; at += PIECE) {
      if (!(await database.tries(pieceOf(id, pieces), { held: held.slice(at, at + PIECE) }))) return false;
      pieces += 1;
    }
    return database.tries(id, { held: { pieces } });
  }

  /** @param {string} id @returns {Promise<KeptItem[] | null>} */
  async #files(id) {
    const held = await this.#database.get("held", id);
    if (!held?.pieces) return held ?? null;
    /** @type {KeptItem[]} */ const files = [];
    for (let piece = 0; piece < held.pieces; piece++) {
      const some = await this.#database.get("held", pieceOf(id, piece));
      if (!some) return null;
      for (const each of some) files.push(each);
    }
    return files;
  }

  /** @param {string} id */
  async #dropPieces(id) {
    const start = pieceOf(id, "");
    for (const key of await this.#database.keys("held")) {
      if (key.startsWith(start)) await this.#database.change(key, { held: undefined });
    }
  }

  /** WebKit's private windows store no Blob. It is asked for alone: in a step with others, they would wait for ever. */
  async #storesBlobs() {
    const takes = await this.#database.tries(PROBE, { held: new Blob(["?"]) });
    await this.#database.change(PROBE, { held: undefined });
    return takes;
  }
}

/** Those of this browser. */
export const kept = new KeptTransfers(database);

/** Its key: there is no space in an id. @param {string} id @param {number | ""} piece */
function pieceOf(id, piece) {
  return `${id} ${piece}`;
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
