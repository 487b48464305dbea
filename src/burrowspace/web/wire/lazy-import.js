/** What of the page is loaded when it is needed, over a network that may change under it. */

import { sleep } from "./runtime.js";

const PAUSES_S = [0.2, 0.5, 1, 2, 4, 8];

/** What `load` gives; where the network fails, it is tried again for a while. @template T
 * @param {() => Promise<T>} load a dynamic import, or a worker @returns {Promise<T>} */
export async function loadLazily(load) {
  for (const pause of PAUSES_S) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the module's own fault
      await sleep(pause);
    }
  }
  return load();
}
