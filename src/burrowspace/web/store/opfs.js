/**
 * Our folder in the origin private file system: one file for each transfer that is being received, named by its id and
 * never by a name of the sender's.
 */

import { named } from "./platform.js";

const FOLDER = "received";

/** @returns {Promise<FileSystemDirectoryHandle>} */
export async function opfsFolder() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

/** Frees what a transfer took; nothing, where there is none. @param {string} id */
export async function opfsDiscard(id) {
  try {
    await (await opfsFolder()).removeEntry(id);
  } catch (error) {
    if (named(error) !== "NotFoundError") throw error;
  }
}

/** The names of what lies there: transfers, some of which nobody may know any more. @returns {Promise<string[]>} */
export async function opfsIds() {
  const folder = /** @type {any} */ (await opfsFolder());
  const names = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}
