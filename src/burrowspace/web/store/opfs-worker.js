/**
 * Writes what arrives into one file of the origin private file system, in place: what is flushed survives the page.
 * createSyncAccessHandle is to be had in a dedicated worker alone. Asked through wire/far.js by sink-opfs.js.
 *
 *     open {id, files, size, sums}   write {at, content, parts} -> content   flush {} -> SavedSums   close {}
 *
 * What there is no room for comes back from `write`, and so does all that follows it; what was written gives undefined.
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
let refuses = false; // the browser took no more

const CALLS = {
  /** `sums`: of an earlier run, whose bytes stay. @param {{id: string, files: number, sums: SavedSums | null}} how */
  async open({ id, files, sums: saved }) {
    try {
      const handle = await (await opfsFolder()).getFileHandle(id, { create: saved === null });
      access = await /** @type {any} */ (handle).createSyncAccessHandle();
      if (!saved) access?.truncate(0);
    } catch (error) {
      if (saved) throw error; // else nothing is lost yet: all of it comes back
      refuses = true;
    }
    sums = new Sums(files);
    summed = files > 1;
    if (saved) sums.load(saved);
  },

  /** `parts`: of which file each part of `content` is, where it begins there and how long it is.
   * @param {{at: number, content: Uint8Array, parts: [number, number, number][]}} how */
  write({ at, content, parts }) {
    try {
      for (let done = 0; done < content.length && !refuses; ) {
        const wrote = access?.write(content.subarray(done), { at: at + done }) ?? 0;
        // Where there is no room, Chromium says that it wrote 4,294,967,288 bytes: an error's number, without its sign.
        if (wrote > 0 && wrote <= content.length - done) done += wrote;
        else refuses = true;
      }
    } catch {
      refuses = true;
    }
    if (refuses) return content;
    if (!summed) return;
    let from = 0;
    for (const [file, offset, length] of parts) sums.add(file, offset, content.subarray(from, (from += length)));
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
      postMessage({ id, value }, { transfer: value instanceof Uint8Array ? [value.buffer] : [] });
    } catch (error) {
      postMessage({ id, error: told(error) });
    }
  });
});
postMessage({ ready: true });
