/** What of the page is loaded when it is needed, over a network that may change under it, from a server that may too. */

import { BurrowError } from "../core/errors.js";
import { sleep } from "./runtime.js";

const PAUSES_S = [0.2, 0.5, 1, 2, 4, 8];

/** What `load` gives; where the network fails, it is tried again for a while. outdated: the server has other modules by
 * now. @template T @param {() => Promise<T>} load a dynamic import, or a worker @returns {Promise<T>} */
export async function loadLazily(load) {
  for (const pause of PAUSES_S) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the module's own fault
      if (await outdated()) throw new BurrowError("outdated", "this page is older than its server; reload it to continue");
      await sleep(pause);
    }
  }
  return load();
}

/** Whether the server has other modules than this page by now, whose version is in the path of each; false where it does not say. */
export async function outdated() {
  const asked = fetch(import.meta.url, { method: "HEAD", cache: "no-store" });
  return asked.then(({ status }) => status === 410, () => false);
}
