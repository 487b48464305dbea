/** Transfers that have ended, without their secrets: what the person sees of the past. The last 500. */

import { database } from "./database.js";

const MOST = 500;

/**
 * @typedef {object} Ended
 * @property {string} id of the transfer
 * @property {string} title from the other side, where it was received: show it by names.shown
 * @property {number} size bytes of content
 * @property {"send" | "receive"} direction
 * @property {string} peer what the other side calls itself
 * @property {Record<string, number>} shares sealed bytes by path
 * @property {number} when ms since 1970
 * @property {string} digest hex; "" where nothing was verified
 * @property {number} [missing] how many files could not be sent to the end
 * @property {number} [until] ms since 1970: left on the server, to rest there until then
 * @property {"back" | "taken" | "lapsed"} [fate] of what was left there, when its sender wanted it back
 */

/** Keys sort by time. @param {Ended} ended */
const key = ({ when, id, direction }) => `${String(Math.max(0, Math.floor(when))).padStart(16, "0")} ${direction} ${id}`;

export const history = {
  /** The latest first. @returns {Promise<Ended[]>} */
  async list() {
    return (await database.all("history")).reverse();
  },

  /** @param {Ended} ended */
  async add(ended) {
    await database.change(key(ended), { history: ended });
    const keys = await database.keys("history");
    for (const old of keys.slice(0, Math.max(0, keys.length - MOST))) await database.change(old, { history: undefined });
  },

  /** @param {Ended} ended */
  async remove(ended) {
    await database.change(key(ended), { history: undefined });
  },

  async clear() {
    await database.clear("history");
  },
};
