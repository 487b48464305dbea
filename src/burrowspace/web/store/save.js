/**
 * From a place of the browser's to the person's own: as a download, or into a folder. Nothing is read into memory whole.
 *
 * @import { Received } from "./placing.js"
 */

import { safeName } from "../core/names.js";
import { freeFolder, freeFile, ofPath } from "./folders.js";

const REVOKE_MS = 120_000; // a slow browser begins to read late

/** As a download. @param {Blob} blob @param {string} name is made safe */
export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = safeName(name);
  anchor.hidden = true;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}

/** Into a folder that the person chose, under names that are free there; says what the top ones are called now.
 * @param {Received[]} received @param {FileSystemDirectoryHandle} handle @param {string[][]} [folders] empty ones, too
 * @param {(bytes: number) => void} [wrote] @returns {Promise<string[]>} */
export async function saveIntoFolder(received, handle, folders = [], wrote = () => undefined) {
  /** As it arrived -> as it is here. @type {Map<string, string>} */ const tops = new Map();
  const inFolder = new Set([...folders, ...received.map(({ path }) => path).filter(({ length }) => length > 1)].map(([top]) => top));
  for (const top of inFolder) tops.set(top, await freeFolder(handle, top));
  for (const [top, ...rest] of folders) await ofPath(handle, [tops.get(top) ?? top, ...rest]);
  for (const { path, blob } of received) {
    const [top, ...rest] = path;
    if (!rest.length) tops.set(top, await freeFile(handle, top));
    const whole = [tops.get(top) ?? top, ...rest];
    const parent = await ofPath(handle, whole.slice(0, -1));
    const file = await parent.getFileHandle(whole[whole.length - 1], { create: true });
    const counted = new TransformStream({
      transform(/** @type {Uint8Array} */ chunk, controller) {
        wrote(chunk.length);
        controller.enqueue(chunk);
      },
    });
    await (await blob()).stream().pipeThrough(counted).pipeTo(await file.createWritable());
  }
  return [...tops.values()];
}
