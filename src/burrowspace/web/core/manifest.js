/**
 * What a transfer holds: names, kinds, sizes, times and modes. Twin of core/manifest.py.
 *
 * Whoever parses one has a stranger's text in hand: the bounds are kept here, but a path in it is only a wish. What
 * becomes of it is names.js's to say. Spec: docs/spec/manifest.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Layout } from "./layout.js"
 */

import { text, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { MANIFEST_BYTES, POSITIONS } from "./layout.js";
import { BLOCK } from "./sealing.js";

export const ENTRIES = 1_000_000; // of one manifest
export const DEPTH = 128; // segments of one path
export const SEGMENT = 255; // code points of one segment
export const TEXT_BYTES = 2 ** 20; // of a text entry
export const NOTES = 1000; // of one manifest; the others are counted
export const HOLES = 100_000;
const NOTE_PATH = 1024; // code points
const NOTE_WHY = 32;
const NOTE_DETAIL = 255;
export const DIGEST_BYTES = 32; // BLAKE3 of one file, in the pack behind the contents
export const PACK_BYTES = (POSITIONS - MANIFEST_BYTES / BLOCK - 2) * BLOCK; // the longest pack

/**
 * One file, folder or text. `size` is bytes: 0 for a folder, null for what is still being produced.
 *
 * @typedef {object} Entry
 * @property {string[]} path
 * @property {"file" | "folder" | "text"} kind
 * @property {number | null} size
 * @property {number} mtimeNs since 1970 in UTC; a double, so off by up to 256 ns
 * @property {number} mode nine permission bits
 */

/**
 * What the sender could not send, or not as it is: `why` is a word of docs/spec/manifest.md, or a later one.
 *
 * @typedef {{path: string, why: string, detail: string}} Note
 */

/** `name` is what to call the whole to a person; contents lie in the pack in the order of the entries. */
export class Manifest {
  /** bad-manifest if the other side would refuse it. `unlisted`: how many notes more there would be. `holes`: file,
   * offset, length of zeros that need not travel.
   * @param {Entry[]} entries @param {string} name @param {Note[]} [notes] @param {number} [unlisted]
   * @param {number[][]} [holes] */
  constructor(entries, name, notes = [], unlisted = 0, holes = []) {
    this.entries = entries;
    this.notes = notes;
    this.unlisted = unlisted;
    this.holes = holes;
    this.name = name;
    /** Those that have contents, in the pack's order. @type {Entry[]} */
    this.files = entries.filter((entry) => entry.kind !== "folder");
    /** Bytes of all contents; null while one is not known. @type {number | null} */
    this.contentSize = entries.some((entry) => entry.size === null)
      ? null
      : entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0);
    /** Bytes of the pack: contents, then a digest for each file. @type {number | null} */
    this.packSize = this.contentSize === null ? null : this.contentSize + DIGEST_BYTES * this.files.length;
    check(this);
  }

  /** As JSON. bad-manifest. @returns {Bytes} */
  encode() {
    const entries = this.entries.map((each) => [each.path, each.kind, each.size, each.mtimeNs, each.mode]);
    const notes = this.notes.map(({ path, why, detail }) => [path, why, detail]);
    const more = {
      ...(notes.length && { notes }),
      ...(this.unlisted && { unlisted: this.unlisted }),
      ...(this.holes.length && { holes: this.holes }),
    };
    const data = utf8(JSON.stringify({ entries, name: this.name, version: 1, ...more }));
    if (data.length > MANIFEST_BYTES) bad(`the list of files has more than ${MANIFEST_BYTES} bytes; send it in parts`);
    return data;
  }

  /** Bytes of content that lie before a position: how far a transfer is, to a person.
   * @param {Layout} layout @param {number} position */
  contentBefore({ manifestBlocks, packSize }, position) {
    const done = Math.max(0, position - manifestBlocks) * BLOCK;
    // One stream: its end, and so its size, shows late.
    return Math.min(done, this.contentSize ?? (packSize === null ? done : packSize - DIGEST_BYTES));
  }

  /** What the other side sent, bounded and free of contradiction. bad-manifest. @param {Uint8Array} data */
  static parse(data) {
    if (data.length > MANIFEST_BYTES) bad(`the list of files has more than ${MANIFEST_BYTES} bytes`);
    /** @type {unknown} */ let found;
    try {
      found = JSON.parse(text(data));
    } catch {
      bad("the list of files cannot be read");
    }
    const read = /** @type {Record<string, unknown>} */ (isObject(found) ? found : {});
    const { entries, name, version = 1, notes = [], unlisted = 0, holes = [] } = read;
    if (!Array.isArray(entries) || typeof name !== "string" || version !== 1) bad("the list of files cannot be read");
    if (!Array.isArray(notes) || !Array.isArray(holes) || !Number.isInteger(unlisted)) {
      bad("the list of files cannot be read");
    }
    return new Manifest(
      /** @type {unknown[]} */ (entries).map(entryOf),
      /** @type {string} */ (name),
      /** @type {unknown[]} */ (notes).map(noteOf),
      /** @type {number} */ (unlisted),
      /** @type {unknown[]} */ (holes).map(holeOf),
    );
  }
}

/** @param {string} sentence @returns {never} */
function bad(sentence) {
  throw new BurrowError("bad-manifest", sentence);
}

/** @param {unknown} value @returns {value is object} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} row @returns {Entry} */
function entryOf(row) {
  if (!Array.isArray(row) || row.length < 3) bad("the list of files cannot be read");
  const [path, kind, size, mtimeNs = 0, mode = 0o644] = /** @type {unknown[]} */ (row);
  const readable =
    Array.isArray(path) &&
    path.every((part) => typeof part === "string") &&
    (kind === "file" || kind === "folder" || kind === "text") &&
    (size === null || Number.isInteger(size)) &&
    Number.isInteger(mtimeNs) &&
    Number.isInteger(mode);
  if (!readable) bad("the list of files cannot be read");
  return /** @type {Entry} */ ({ path, kind, size, mtimeNs, mode });
}

/** @param {unknown} row @returns {Note} */
function noteOf(row) {
  const [path, why, detail = ""] = /** @type {unknown[]} */ (Array.isArray(row) ? row : []);
  if (typeof path !== "string" || typeof why !== "string" || typeof detail !== "string") {
    bad("the list of files cannot be read");
  }
  return /** @type {Note} */ ({ path, why, detail });
}

/** @param {unknown} row @returns {number[]} */
function holeOf(row) {
  if (!Array.isArray(row) || row.length !== 3 || !row.every(Number.isInteger)) bad("the list of files cannot be read");
  return /** @type {number[]} */ (row);
}

/** @param {string} text @param {number} limit in code points */
function within(text, limit) {
  return text.length <= limit || (text.length <= 2 * limit && [...text].length <= limit);
}

/** @param {Manifest} manifest */
function checkNotes({ notes, unlisted }) {
  if (notes.length > NOTES || unlisted < 0) bad("the list of files has too many notes");
  for (const { path, why, detail } of notes) {
    const fits = path && why && within(path, NOTE_PATH) && within(why, NOTE_WHY) && within(detail, NOTE_DETAIL);
    if (!fits || /\p{Surrogate}/u.test(path + why + detail)) bad("a note in the list of files is none");
  }
}

/** In order, apart, and each inside of its file. @param {Manifest} manifest */
function checkHoles({ holes, files }) {
  if (holes.length > HOLES) bad("the list of files has too many holes");
  let [last, end] = [-1, 0];
  for (const [file, offset, length] of holes) {
    const size = files[file]?.size ?? -1;
    if (offset < 0 || length < 1 || offset + length > size || file < last || (file === last && offset < end)) {
      bad("the list of files has a hole outside of its file");
    }
    [last, end] = [file, offset + length];
  }
}

/** @param {string} part */
function long(part) {
  return part.length > SEGMENT && (part.length > 2 * SEGMENT || [...part].length > SEGMENT);
}

/** @param {Manifest} manifest */
function check(manifest) {
  const { entries, name, files, packSize } = manifest;
  if (!(1 <= entries.length && entries.length <= ENTRIES)) bad(`a transfer has 1 to ${ENTRIES} files and folders`);
  if (!name || long(name)) bad(`a transfer's name has 1 to ${SEGMENT} characters`);
  if (/\p{Surrogate}/u.test(name)) bad("a transfer's name is no text that can be written as UTF-8");
  for (const entry of entries) {
    if (entry.kind === "folder" && entry.size !== 0) bad("a folder has no size of its own");
    if (entry.kind === "text" && (entry.size === null || entry.size > TEXT_BYTES)) {
      bad(`a text has at most ${TEXT_BYTES} bytes; send it as a file`);
    }
    if (!(0 <= entry.mode && entry.mode <= 0o777)) bad("a mode has nine bits");
    if (entry.size !== null && !(0 <= entry.size && entry.size <= PACK_BYTES)) bad("a file has no such size");
    if (Math.abs(entry.mtimeNs) > 2 ** 63) bad("a file's time lies too far away");
  }
  if (packSize === null && files.length !== 1) bad("a file of unknown size travels alone");
  if (packSize !== null && packSize > PACK_BYTES) bad(`one transfer carries at most ${PACK_BYTES} bytes`);
  checkNotes(manifest);
  checkHoles(manifest);
  checkPaths(entries);
}

/** No path twice, none that needs a file to be a folder, none that could not be a path at all. @param {Entry[]} entries */
function checkPaths(entries) {
  const seen = new Set();
  const files = new Set();
  const parents = new Set();
  for (const { path, kind } of entries) {
    if (!(1 <= path.length && path.length <= DEPTH)) bad(`a path has 1 to ${DEPTH} parts`);
    for (const part of path) {
      if (part === "" || part === "." || part === ".." || /[/\0]|\p{Surrogate}/u.test(part) || long(part)) {
        bad("a path in the list of files is none");
      }
    }
    const whole = path.join("/"); // no part has a slash
    if (seen.has(whole)) bad("the list of files names a path twice");
    seen.add(whole);
    if (kind !== "folder") files.add(whole);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const parent = path.slice(0, depth).join("/");
      if (parents.has(parent)) break; // its own parents are known too
      parents.add(parent);
    }
  }
  for (const parent of parents) if (files.has(parent)) bad("the list of files puts a file inside a file");
}
