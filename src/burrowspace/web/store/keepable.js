/**
 * What is being sent, so that it can be gone on with after a reload: handles where the browser gave them, else the bytes
 * themselves while they are few, else nothing.
 *
 * @import { Item } from "../core/items.js"
 * @import { LeftOut } from "../core/left-out.js"
 * @import { Picked } from "./picked.js"
 */

import { noneLeft } from "../core/left-out.js";
import { allowed, named } from "./platform.js";

const COPIED_BYTES = 64 * 2 ** 20; // of all that has no handle, together

/**
 * Can be put into the database. `handle` of a file, or `root` of the folder that it lies in and the way from there.
 *
 * @typedef {{path: string[], size: number, modified?: number}} KeptHead
 * @typedef {KeptHead & ({blob: Blob} | {bytes: ArrayBuffer} | {handle: FileSystemFileHandle} | {root: FileSystemDirectoryHandle, inside: string[]})} KeptFile
 * @typedef {KeptFile | {text: string} | {folder: string[]}} KeptItem
 */

/** null: too much of it has no handle; the person must choose it again. @param {Picked[]} items @returns {KeptItem[] | null} */
export function keepable(items) {
  let room = COPIED_BYTES;
  /** @type {KeptItem[]} */ const kept = [];
  for (const item of items) {
    if (!("blob" in item)) {
      kept.push("text" in item ? { text: item.text } : { folder: item.folder });
      continue;
    }
    const { path, modified, blob, handle, root, inside } = item;
    const head = { path, size: blob.size, modified };
    if (root && inside) kept.push({ ...head, root, inside });
    else if (handle) kept.push({ ...head, handle });
    else if ((room -= blob.size) >= 0) kept.push({ ...head, blob });
    else return null;
  }
  return kept;
}

/** The same items, without those that an earlier run left out, and those that are gone by now; both by their number among
 * all that have contents. null: nothing is left, or the person does not allow it. It may ask, so call it from a click.
 * @param {{files?: KeptItem[] | null}} record @param {LeftOut} [leftOut] @returns {Promise<{items: Picked[], gone: LeftOut} | null>} */
export async function reviveItems({ files }, leftOut = []) {
  if (!files) return null;
  /** @type {Set<FileSystemHandle>} */ const handles = new Set();
  for (const each of files) {
    if ("root" in each) handles.add(each.root);
    else if ("handle" in each) handles.add(each.handle);
  }
  for (const handle of handles) if (!(await allowed(handle, "read", true))) return null;
  /** @type {Map<FileSystemDirectoryHandle, Map<string, Promise<FileSystemDirectoryHandle>>>} */ const known = new Map();
  const without = new Set(leftOut.map(([file]) => file));
  /** @type {Picked[]} */ const items = [];
  /** @type {LeftOut} */ const gone = [];
  let number = -1;
  for (const each of files) {
    if (!("folder" in each)) number += 1;
    if (without.has(number) && "path" in each) continue;
    try {
      items.push("path" in each ? await revive(each, known) : each);
    } catch (error) {
      if (!named(error)) throw error;
      if (named(error) !== "NotFoundError") return null; // another thing now
      gone.push([number, "vanished"]);
    }
  }
  return noneLeft(gone.length + without.size, number + 1) ? null : { items, gone };
}

/** @param {KeptFile} file @param {Map<FileSystemDirectoryHandle, Map<string, Promise<FileSystemDirectoryHandle>>>} known @returns {Promise<Picked>} */
async function revive(file, known) {
  const { path, modified } = file;
  if ("blob" in file) return { path, modified, blob: file.blob };
  if ("bytes" in file) return { path, modified, blob: new Blob([file.bytes]) };
  if ("handle" in file) return { path, modified, blob: await file.handle.getFile(), handle: file.handle };
  const { root, inside } = file;
  const folders = known.get(root) ?? new Map();
  known.set(root, folders);
  let folder = Promise.resolve(root);
  for (const [depth, name] of inside.slice(0, -1).entries()) {
    const key = inside.slice(0, depth + 1).join("/");
    const parent = folder;
    if (!folders.has(key)) folders.set(key, parent.then((above) => above.getDirectoryHandle(name)));
    folder = /** @type {Promise<FileSystemDirectoryHandle>} */ (folders.get(key));
  }
  const handle = await (await folder).getFileHandle(inside[inside.length - 1]);
  return { path, modified, blob: await handle.getFile(), root, inside };
}
