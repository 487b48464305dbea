/**
 * What a person sends, as a manifest and the contents in its order. No byte of them is read here.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { LeftOut } from "./left-out.js"
 * @import { Entry, Note } from "./manifest.js"
 */

import { utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { Manifest, NOTES } from "./manifest.js";

/**
 * One thing to send: a file with its path (the name alone, or with folders in front), a text, or an empty folder.
 *
 * @typedef {{path: string[], blob: Blob, modified?: number}} FileItem modified: ms since 1970
 * @typedef {{text: string}} TextItem
 * @typedef {{folder: string[]}} FolderItem
 * @typedef {FileItem | TextItem | FolderItem} Item
 */

/** bad-manifest. @param {Item[]} items @param {string} [title] @returns {{manifest: Manifest, files: Blob[]}} */
export function listed(items, title) {
  /** @type {Entry[]} */ const entries = [];
  /** @type {Blob[]} */ const files = [];
  /** @type {Note[]} */ const notes = [];
  let texts = 0;
  for (const item of items) {
    if ("folder" in item) entries.push({ path: item.folder, kind: "folder", size: 0, mtimeNs: 0, mode: 0o755 });
    else if ("text" in item) {
      const blob = new Blob([utf8(item.text)]);
      texts += 1;
      const path = [texts === 1 ? "message.txt" : `message ${texts}.txt`];
      entries.push({ path, kind: "text", size: blob.size, mtimeNs: 0, mode: 0o644 });
      files.push(blob);
    } else {
      let mtimeNs = Math.round(item.modified ?? 0) * 1e6;
      if (!(Math.abs(mtimeNs) < 2 ** 63)) {
        notes.push(note(item.path.join("/").slice(-1000), "date", dateOf(item.modified ?? 0)));
        mtimeNs = 0; // one odd date never stops the rest
      }
      entries.push({ path: item.path, kind: "file", size: item.blob.size, mtimeNs, mode: 0o644 });
      files.push(item.blob);
    }
  }
  const tops = new Set(entries.map((entry) => entry.path[0]));
  const named = tops.size === 1 ? [...tops][0] : counted(files.length, tops.size);
  const called = title ?? (texts === entries.length ? "a text" : named);
  const manifest = new Manifest(entries, called, notes.slice(0, NOTES), Math.max(0, notes.length - NOTES));
  return { manifest, files };
}

/** What several things are called: the receiver may see it as the name of an archive. @param {number} files
 * @param {number} tops */
function counted(files, tops) {
  if (!files) return `${tops} folders`;
  return files === 1 ? "1 file" : `${files} files`;
}

/** @param {string} path @param {string} why @param {string} detail @returns {Note} */
function note(path, why, detail) {
  return { path, why, detail };
}

/** @param {number} modified ms since 1970 */
function dateOf(modified) {
  const date = new Date(modified);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace(/T.*/, "");
}

/** `encoded`: the manifest as it travels; an earlier run's, where there is one. `files`: contents in its order, nothing in
 * the place of one that is left out. @typedef {{manifest: Manifest, encoded: Bytes, files: Blob[]}} Contents */

/** What is sent. bad-manifest; changed: an earlier run sent something else.
 * @param {Item[]} items @param {string} [title] @param {Bytes} [before] the manifest of that run
 * @param {LeftOut} [leftOut] by it: whether they are there, and what they are now, is all the same @returns {Contents} */
export function contentsOf(items, title, before, leftOut = []) {
  const { manifest, files } = listed(items, title);
  if (!before) return { manifest, encoded: manifest.encode(), files };
  const begun = Manifest.parse(before);
  const without = new Set(leftOut.map(([file]) => whole(begun.files[file])));
  if (marks(begun, without) !== marks(manifest, without)) {
    throw new BurrowError("changed", "these are not the files of the transfer that was begun", { reason: "other-files" });
  }
  if (!without.size) return { manifest: begun, encoded: before, files };
  const there = new Map(manifest.files.map((entry, file) => [whole(entry), files[file]]));
  const nothing = new Blob([]);
  return { manifest: begun, encoded: before, files: begun.files.map((entry) => there.get(whole(entry)) ?? nothing) };
}

/** What makes two lists the same. @param {Manifest} manifest @param {Set<string>} without */
function marks({ entries }, without) {
  const counted = without.size ? entries.filter((entry) => !without.has(whole(entry))) : entries;
  return JSON.stringify(counted.map((e) => [e.path, e.kind, e.size, e.mtimeNs]));
}

/** @param {Entry} entry */
function whole({ path }) {
  return path.join("/"); // no part has a slash
}
