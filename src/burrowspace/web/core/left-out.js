/**
 * Files that could not be sent to the end, although the list names them: how their digest says so, and why. The list is
 * agreed before the first byte, so such a file keeps its room: zeros travel in it, and a mark stands where its digest
 * would. Twin of core/left_out.py, held to the same vectors. Spec: docs/spec/manifest.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Note } from "./manifest.js"
 */

import { same } from "./bytes.js";
import { DIGEST_BYTES } from "./manifest.js";

/** The version of a receiver's hello from which on it understands marks. */
export const KNOWS_MARKS = 2;
const WORDS = ["lost", "vanished", "unreadable", "rewritten", "shrank", "stale"]; // of docs/spec/manifest.md, by the last byte
const NAMED = 1000; // files that one event names
/** The code of what a Giving says: files cannot be read, and it waits to be told to leave them out. Its field `lost` names
 * them. */
export const LEFT_OUT = "left-out";

/** As core/notes.py says them to whoever receives in a terminal. @type {Readonly<Record<string, string>>} */
export const CLAUSES = Object.freeze({
  lost: "could not be sent to the end",
  vanished: "disappeared while it was being sent",
  unreadable: "cannot be read",
  rewritten: "changed while it was being sent",
  shrank: "became shorter while it was being sent",
  stale: "changed, or can no longer be read",
});

/** What each error of a browser means that reads a file. It does not say whether such a file was changed or cannot be read.
 * @type {Readonly<Record<string, string>>} */
const READING = Object.freeze({
  NotFoundError: "vanished",
  NotReadableError: "stale",
  NotAllowedError: "unreadable",
  SecurityError: "unreadable",
});

/** Files by their numbers, with why. @typedef {[file: number, why: string][]} LeftOut */

/** What stands in the place of a file's digest. @param {string} why @returns {Bytes} */
export function mark(why) {
  const made = new Uint8Array(DIGEST_BYTES);
  made[DIGEST_BYTES - 1] = Math.max(0, WORDS.indexOf(why));
  return made;
}

/** Why the file was left out; null: this is the digest of a content. @param {Uint8Array} digest @returns {string | null} */
export function markOf(digest) {
  for (let at = 0; at < DIGEST_BYTES - 1; at++) if (digest[at]) return null;
  return WORDS[digest[DIGEST_BYTES - 1]] ?? WORDS[0];
}

/** `got`: the digests of what arrived, one behind the other. `given`: as the sender sent them, as many. `lost`: what the
 * sender could not send to the end. `wrong`: what is not what was sent; where there is one, nothing is put in place. Where
 * no file is left, all are wrong: a sender ends such a transfer instead.
 * @param {Uint8Array} got @param {Uint8Array} given @returns {{lost: LeftOut, wrong: number[]}} */
export function compare(got, given) {
  /** @type {LeftOut} */ const lost = [];
  /** @type {number[]} */ const wrong = [];
  if (same(got, given)) return { lost, wrong };
  for (let file = 0; file * DIGEST_BYTES < given.length; file++) {
    const [at, end] = [file * DIGEST_BYTES, (file + 1) * DIGEST_BYTES];
    const theirs = given.subarray(at, end);
    const why = markOf(theirs);
    if (why !== null) lost.push([file, why]);
    else if (!same(got.subarray(at, end), theirs)) wrong.push(file);
  }
  if (lost.length && lost.length * DIGEST_BYTES === given.length) return { lost: [], wrong: lost.map(([file]) => file) };
  return { lost, wrong };
}

/** Whether the transfer ends once so many of its files are left out. @param {number} leftOut @param {number} files */
export function noneLeft(leftOut, files) {
  return leftOut >= files;
}

/** Why a file cannot be read, by the name of the error; null: that is no fault of the file's. @param {string} name @returns {string | null} */
export function whyUnread(name) {
  return Object.hasOwn(READING, name) ? READING[name] : null;
}

/** For a person: the first of them by name, and how many more there are.
 * @param {Iterable<[number, string]>} leftOut @param {{path: string[]}[]} files of the manifest @returns {{notes: Note[], unlisted: number}} */
export function notesOf(leftOut, files) {
  const all = [...leftOut];
  const notes = all.slice(0, NAMED).map(([file, why]) => ({ path: files[file].path.join("/"), why, detail: "" }));
  return { notes, unlisted: all.length - notes.length };
}

/** Bytes of their content. @param {Iterable<[number, string]>} leftOut @param {{size: number | null}[]} files of the manifest */
export function lostBytes(leftOut, files) {
  let sum = 0;
  for (const [file] of leftOut) sum += files[file].size ?? 0;
  return sum;
}
