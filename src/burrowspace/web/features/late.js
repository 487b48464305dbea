/** What of the page is loaded when it is needed, over a network that may change under it. */

import { LOAD_PAUSES_S, sleep } from "../wire/ambient.js";

/**
 * What `load` gives; where the network fails, it is tried again for a while.
 *
 * @template T
 * @param {() => Promise<T>} load a dynamic import
 * @returns {Promise<T>}
 */
export async function late(load) {
  for (const pause of LOAD_PAUSES_S) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the module's own fault
      await sleep(pause);
    }
  }
  return load();
}
