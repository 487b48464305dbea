/**
 * The browser's own pickers, where they give handles: with those a page that is loaded again still finds the files.
 *
 * @import { Picked } from "../store/picked.js"
 */

import { fromHandles } from "../store/picked.js";
import { pickers } from "../store/platform.js";

/** Asks for files, or for a folder; null: closed by the person. Undefined where the browser has no such picker: use an
 * `<input>`. Called from a click. @param {boolean} folder @param {(n: number) => void} [counted] is told how many were found so far
 * @returns {Promise<Picked[] | null> | undefined} */
export function pick(folder, counted) {
  const { showOpenFilePicker, showDirectoryPicker } = pickers();
  const asked = folder ? showDirectoryPicker?.({ mode: "read" }).then((handle) => [handle]) : showOpenFilePicker?.({ multiple: true });
  return asked?.then(
    (handles) => fromHandles(handles, counted),
    (error) => {
      if (error.name === "AbortError") return null;
      throw error;
    },
  );
}
