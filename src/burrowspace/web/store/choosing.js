/**
 * Where what comes may be received in this browser, the best first; or why nowhere. Pure: what
 * the browser has comes in. Acted on by ways.js. Reasons: docs/decisions/0009.
 */

export const MEMORY_BYTES = 400 * 2 ** 20; // that a page may hold: Chromium loses Blobs beyond 500 MiB of all its pages
export const MEMORY_SMALL_BYTES = 200 * 2 ** 20; // the same on a phone
export const REPORTED_MOST_BYTES = 10 * 2 ** 30; // what Chromium says is free, whatever more there is
const MARGIN_BYTES = 64 * 2 ** 20; // that a browser needs beside it

/** @typedef {"browser" | "folder" | "file" | "stream" | "memory"} Kind */

/**
 * What there is. `room`: bytes that the browser says it may still keep; null: it says nothing.
 *
 * @typedef {object} Here
 * @property {boolean} secure https, or localhost
 * @property {boolean} opfs
 * @property {number | null} room
 * @property {boolean} folder a folder can be chosen
 * @property {boolean} file so can a file
 * @property {boolean} worker a service worker is there
 * @property {boolean} small a phone or a tablet
 */

/** Why it cannot be received here; all in bytes: what comes, what this page can hold, what the browser has room for, and
 * what is missing of that.
 * @typedef {{reason: "no-way-plain" | "no-way-room" | "no-way-private", size: number, limit?: number, room?: number, free?: number}} NoWay */

/** `size`: bytes, null where not known; `single`: it is one file. `kinds` is empty where it cannot be received.
 * @param {number | null} size @param {boolean} single @param {Here} here @returns {{kinds: Kind[], why: NoWay | null}} */
export function choose(size, single, here) {
  const least = size ?? 0;
  const limit = here.small ? MEMORY_SMALL_BYTES : MEMORY_BYTES;
  const { room } = here;
  const fits = here.opfs && (room === null || least + MARGIN_BYTES <= room);
  /** @type {Kind[]} */ const kinds = [];
  if (fits) kinds.push("browser");
  if (here.file && single) kinds.push("file");
  if (here.folder) kinds.push("folder");
  if (here.worker) kinds.push("stream");
  // What is told may be less than what there is: then it may be tried, where the person wants it.
  if (!fits && here.opfs && room === REPORTED_MOST_BYTES) kinds.push("browser");
  if (!fits && !here.worker && least <= limit) kinds.push("memory");
  return { kinds, why: kinds.length ? null : why(least, limit, here) };
}

/** @param {number} size @param {number} limit @param {Here} here @returns {NoWay} */
function why(size, limit, { secure, opfs, room }) {
  if (!secure) return { reason: "no-way-plain", size, limit };
  if (opfs && room !== null) {
    const free = Math.max(size + MARGIN_BYTES - room, 2 ** 20);
    return { reason: "no-way-room", size, room: Math.max(0, room - MARGIN_BYTES), free };
  }
  return { reason: "no-way-private", size, limit };
}
