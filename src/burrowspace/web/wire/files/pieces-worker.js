/**
 * The worker that holds pieces of a segment and sends them. It lives for some of them only: a browser frees a Blob when its
 * garbage is collected, which here may be never, and when the worker has ended, which is at once. Asked by uploads.js.
 *
 *     add {id, bytes}   patch {id, skip, url, headers} -> Answer   drop {id}
 */

import { Pieces } from "./pieces.js";

const pieces = new Pieces();

/** @param {{id: number, call: "add" | "patch" | "drop", args: any[]}} asked */
async function answer({ id, call, args }) {
  try {
    const value = await /** @type {any} */ (pieces)[call](...args);
    postMessage({ id, value });
  } catch (error) {
    postMessage({ id, error: { code: "error", sentence: String(error) } });
  }
}

addEventListener("message", ({ data }) => void answer(data));
postMessage({ ready: true });
