/**
 * Files of transfers that nobody knows any more: a page went on in its memory where the browser had no more room
 * (sink-opfs.js), so nothing was written down, and then it was closed. The next page that starts frees them.
 */

import { database } from "./database.js";
import { hold } from "./hold.js";
import { opfsDiscard, opfsIds } from "./opfs.js";
import { named } from "./platform.js";

/** A transfer that runs in any tab keeps its file, and so does one that a later page may go on with. */
export async function clearOrphans() {
  for (const id of await lost(await stored())) {
    const release = await hold(id);
    if (!release) continue; // a tab works on it
    try {
      if ((await lost([id])).length) await opfsDiscard(id);
    } catch (error) {
      if (!named(error)) throw error; // else a tab without locks has it open: the next page tries again
    } finally {
      release();
    }
  }
}

/** Which of them no note speaks of; none, where the notes cannot be read now. @param {string[]} ids */
async function lost(ids) {
  const known = ids.length ? await database.sureKeys("kept") : null;
  return known ? ids.filter((id) => !known.includes(id)) : [];
}

/** @returns {Promise<string[]>} */
async function stored() {
  try {
    return await opfsIds();
  } catch {
    return []; // this browser has no such place, or not in this window
  }
}
