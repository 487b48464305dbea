/**
 * Writes what arrives into one file of the origin private file system, in place: what is flushed survives the page.
 * createSyncAccessHandle is to be had in a dedicated worker alone. Asked through wire/far.js by sink-opfs.js.
 *
 *     open {id, files, size, sums}   write {at, file, offset, content}   flush {} -> SavedSums   close {}
 *
 * @import { SavedSums } from "./sums.js"
 * @import { SyncAccess } from "./platform.js"
 */

import { BurrowError } from "../core/errors.js";
import { opfsFolder } from "./opfs.js";
import { named } from "./platform.js";
import { Sums } from "./sums.js";

/** @type {SyncAccess | null} */ let access = null;
let sums = new Sums(0);
let summed = false; // one file needs none: it is in no ZIP

const CALLS = {
  /** `sums`: of an earlier run, whose bytes stay. @param {{id: string, files: number, sums: SavedSums | null}} how */
  async open({ id, files, sums: saved }) {
    const handle = await (await opfsFolder()).getFileHandle(id, { create: saved === null });
    access = await /** @type {any} */ (handle).createSyncAccessHandle();
    if (!saved) access?.truncate(0);
    sums = new Sums(files);
    summed = files > 1;
    if (saved) sums.load(saved);
  },

  /** @param {{at: number, file: number, offset: number, content: Uint8Array}} piece */
  write({ at, file, offset, content }) {
    for (let done = 0; done < content.length; ) {
      const wrote = access?.write(content.subarray(done), { at: at + done }) ?? 0;
      if (wrote <= 0) throw new DOMException("nothing was written", "QuotaExceededError");
      done += wrote;
    }
    if (summed) sums.add(file, offset, content);
  },

  flush() {
    access?.flush();
    return sums.save();
  },

  close() {
    access?.close();
    access = null;
  },
};

/** @param {unknown} error */
function told(error) {
  if (error instanceof BurrowError) return { code: error.code, sentence: error.message };
  const name = named(error);
  if (name === "QuotaExceededError") {
    return { code: "no-space", sentence: "the browser has no more room for what arrives; free some space and go on" };
  }
  if (name === "NotFoundError") return { code: "missing", sentence: "the browser has thrown away what had arrived" };
  if (name === "NoModificationAllowedError") {
    return { code: "busy", sentence: "another tab or window works on this transfer" };
  }
  return { code: "error", sentence: String(error) };
}

/** One call after the other, in the order they came. @type {Promise<unknown>} */ let turn = Promise.resolve();

addEventListener("message", ({ data: { id, call, args } }) => {
  turn = turn.then(async () => {
    try {
      const value = await CALLS[/** @type {keyof typeof CALLS} */ (call)](args[0]);
      postMessage({ id, value });
    } catch (error) {
      postMessage({ id, error: told(error) });
    }
  });
});
postMessage({ ready: true });
