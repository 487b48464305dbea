/**
 * Which contents of a manifest come to a sink, under which names, and where they lie in a row of them all.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { Sink } from "../wire/files/staging.js"
 * @import { SavedSums } from "./sums.js"
 */

import { safePaths } from "../core/names.js";
import { shownTexts } from "../core/placement.js";

/**
 * A place that keeps what arrives. `kept` is what `reopen` (ways.js) needs after a reload, as of the last `flush`; it
 * can be cloned, and null where nothing survives a reload.
 *
 * @typedef {object} Keeping
 * @property {"browser" | "folder" | "file" | "stream" | "memory"} kind
 * @property {Kept | null} kept
 * @property {boolean} [spilled] a part of it is in the page's memory alone: a reload loses that part
 * @property {(lost?: ReadonlySet<number>) => Promise<Received[]>} [received] after `finish`, where it is still to be handed to
 *   the person, without these files
 * @property {() => Promise<void>} [free] what the browser keeps of it goes
 * @property {() => string[][]} [folders] after `open`: all of them, safe, for a ZIP or a folder that is made of `received`
 * @typedef {Sink & Keeping} KeepingSink
 */

/** One file that arrived: `path` is safe (names.js), `modified` ms since 1970, `crc` CRC-32 where it is known already,
 * `row` where it lies behind others.
 * @typedef {{path: string[], size: number, modified: number, crc: number | null, blob: () => Promise<Blob>,
 *   row?: {blob: Blob, begin: number}}} Received */

/** What sink-opfs.js keeps. `ended`: all of it is verified, only `received` is left to do. `size`: bytes of its one file.
 * `when`: ms since 1970. @typedef {{kind: "browser", id: string, sums: SavedSums, ended: boolean, size: number, when: number}} KeptBrowser */

/** What sink-folder.js keeps. `names`: the top ones, as they came and as they are in the folder.
 * @typedef {{kind: "folder", handle: FileSystemDirectoryHandle, names: [string, string][]} |
 *   {kind: "file", handle: FileSystemFileHandle}} KeptFolder */

/** @typedef {KeptBrowser | KeptFolder} Kept */

/** A file of a manifest: where its bytes begin in the row of all files that are no texts; `number` in `manifest.files`.
 * @typedef {{number: number, path: string[], size: number | null, modified: number, begin: number}} Placed */

/** Thousands of names cost a moment, and are asked for again and again. @type {WeakMap<Manifest, {files: Placed[], folders: string[][]}>} */
const PLACED = new WeakMap();

/** Texts that are shown are not stored: they have no place. @param {Manifest} manifest @returns {{files: Placed[], folders: string[][]}} */
export function placed(manifest) {
  let found = PLACED.get(manifest);
  if (!found) PLACED.set(manifest, (found = places(manifest)));
  return found;
}

/** @param {Manifest} manifest @returns {{files: Placed[], folders: string[][]}} */
function places(manifest) {
  const shown = new Set([...shownTexts(manifest)].map((number) => manifest.files[number]));
  const stored = manifest.entries.filter((entry) => !shown.has(entry));
  const safe = safePaths(stored.map(({ path, kind }) => ({ path, folder: kind === "folder" })));
  const numbers = new Map(manifest.files.map((entry, number) => [entry, number]));
  /** @type {Placed[]} */ const files = [];
  /** @type {string[][]} */ const folders = [];
  let begin = 0;
  for (const [at, entry] of stored.entries()) {
    const path = safe[at];
    if (entry.kind === "folder") folders.push(path);
    else {
      const modified = Math.round(entry.mtimeNs / 1e6);
      files.push({ number: numbers.get(entry) ?? 0, path, size: entry.size, modified, begin });
      begin += entry.size ?? 0;
    }
  }
  return { files, folders };
}

/** Bytes that a sink gets: all but the texts that are shown; null while they are not known. @param {Manifest} manifest */
export function stored(manifest) {
  const { contentSize, files } = manifest;
  if (contentSize === null) return null;
  return [...shownTexts(manifest)].reduce((rest, number) => rest - (files[number].size ?? 0), contentSize);
}
