/** Names and places in a folder that the person chose: a name that is taken gets " (2)". Specs: docs/spec/names.md. */

import { numbered } from "../core/names.js";
import { named } from "./platform.js";

/** The folder of this path, made where it is not. @param {FileSystemDirectoryHandle} root @param {readonly string[]} path safe */
export async function ofPath(root, path) {
  let folder = root;
  for (const name of path) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

/** A folder of this name, made under the first name that is free. @param {FileSystemDirectoryHandle} parent @param {string} name safe */
export async function freeFolder(parent, name) {
  const free = await freeName(parent, name);
  await parent.getDirectoryHandle(free, { create: true });
  return free;
}

/** An empty file of this name, made under the first name that is free; some browsers refuse some endings (`.lnk`): `_`
 * behind them. @param {FileSystemDirectoryHandle} parent @param {string} name safe */
export async function freeFile(parent, name) {
  let free = await freeName(parent, name);
  try {
    await parent.getFileHandle(free, { create: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    free = await freeName(parent, `${name}_`);
    await parent.getFileHandle(free, { create: true });
  }
  return free;
}

/** @param {FileSystemDirectoryHandle} parent @param {string} name */
async function freeName(parent, name) {
  let free = name;
  for (let number = 2; await taken(parent, free); number++) free = numbered(name, number);
  return free;
}

/** @param {FileSystemDirectoryHandle} parent @param {string} name */
async function taken(parent, name) {
  try {
    await parent.getFileHandle(name);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false; // a name that is refused is not there
    const what = named(error);
    if (what === "NotFoundError") return false;
    if (what === "TypeMismatchError") return true;
    throw error;
  }
}
