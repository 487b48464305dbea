/**
 * The doors between a stranger's text and everything that shows or stores it. Twin of core/names.py, which a receiving
 * browser needs as much as a program: a ZIP that it makes, or a folder that it writes, has names on some disk at last.
 * Spec: docs/spec/names.md.
 */

import { utf8 } from "./bytes.js";

export const NAME_BYTES = 255; // UTF-8 bytes of a cleaned file name
export const PATH_BYTES = 1024; // UTF-8 bytes of a cleaned path, separators counted
export const PATH_PARTS = 64; // segments of a cleaned path

const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³])$/; // on Windows
const FORBIDDEN = /[<>:"|?*\x00-\x1f\x7f]/g;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu; // controls, bidi and zero-width marks, surrogates

/** Of a transfer there may be a hundred thousand names, and most are plain. @param {string} name */
const bytes = (name) => (/^[\x00-\x7f]*$/.test(name) ? name.length : utf8(name).length);

/** The last path segment of a peer's file name, fit to write on any system, at most 255 bytes of UTF-8.
 * @param {string} offered @returns {string} */
export function safeName(offered) {
  const last = offered.split(/[/\\]/).at(-1) ?? "";
  const seen = /^[ -~]*$/.test(last) ? last : last.replace(UNSEEN, "").normalize("NFC");
  const trimmed = seen
    .replace(FORBIDDEN, "_")
    .replace(/^ +| +$/g, "")
    .replace(/[. ]+$/, "");
  const plain = cut(trimmed || "file", NAME_BYTES);
  if (RESERVED.test(plain.split(".", 1)[0].trim().toLowerCase())) return `_${cut(plain, NAME_BYTES - 1)}`;
  return plain;
}

/** A peer's path as segments that stay below the folder they are written in, on any system; at least one.
 * @param {readonly string[]} parts @returns {string[]} */
export function safePath(parts) {
  const wished = parts.filter((part) => part !== "" && part !== "." && part !== "..");
  const kept = wished.map((part) => safeName(part.replace(/[/\\]/g, "_")));
  const last = kept.pop() ?? "file";
  let room = PATH_BYTES - bytes(last);
  /** @type {string[]} */ const folders = [];
  for (const name of kept.slice(0, PATH_PARTS - 1)) {
    room -= bytes(name) + 1;
    if (room < 0) break;
    folders.push(name);
  }
  return [...folders, last];
}

/**
 * The paths of one manifest as safe ones, in the same order: two that a system might take for one do not
 * meet, and what lies in a folder follows it. Two folders that are cleaned to one name are one. The only door between
 * a manifest and a disk.
 *
 * @param {Iterable<{path: readonly string[], folder: boolean}>} offered
 * @returns {string[][]}
 */
export function safePaths(offered) {
  /** As offered -> as written. @type {Map<string, string[]>} */ const folders = new Map([["", []]]);
  /** @type {Map<string, Set<string>>} */ const taken = new Map();
  /** Where the next search begins: a million like names are quick. @type {Map<string, number>} */
  const numbers = new Map();
  /** @param {readonly string[]} path */
  const key = (path) => path.join("/"); // no safe segment has a slash

  /** @param {string[]} parent @param {string} name */
  const place = (parent, name) => {
    const at = key(parent);
    const near = taken.get(at) ?? new Set();
    taken.set(at, near);
    const like = alike(name);
    const mark = `${at}//${like}`;
    let number = numbers.get(mark) ?? 1;
    let free = name;
    let freeLike = like;
    while (near.has(freeLike)) {
      number += 1;
      free = numbered(name, number);
      freeLike = alike(free);
    }
    if (number > 1) numbers.set(mark, number);
    near.add(freeLike);
    return [...parent, free];
  };

  /** @param {string[]} path @returns {string[]} */
  const folder = (path) => {
    const known = folders.get(key(path));
    if (known) return known;
    const made = place(folder(path.slice(0, -1)), path[path.length - 1]);
    folders.set(key(path), made);
    return made;
  };

  const placed = [];
  for (const { path, folder: isFolder } of offered) {
    const safe = safePath(path);
    placed.push(isFolder ? folder(safe) : place(folder(safe.slice(0, -1)), safe[safe.length - 1]));
  }
  return placed;
}

/** What a file system that folds case and composes characters would take a name for. @param {string} name */
export function alike(name) {
  if (/^[\x00-\x7f]*$/.test(name)) return name.toLowerCase();
  return name.normalize("NFC").toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ").normalize("NFC");
}

/** `name` with a number before its extension, still at most 255 bytes. @param {string} name @param {number} number */
export function numbered(name, number) {
  const [stem, ending] = split(name);
  const tail = ` (${number})${ending}`;
  return cut(stem, NAME_BYTES - bytes(tail)) + tail;
}

/** A stranger's text as one short line: nothing in it hides or turns the rest. What is not to be seen becomes `�`.
 * @param {string} text @param {number} [limit] code points */
export function shown(text, limit = 80) {
  const line = [...[...text].slice(0, 4 * limit).join("").normalize("NFC").replace(UNSEEN, "�")];
  return line.length <= limit ? line.join("") : `${line.slice(0, limit - 1).join("")}…`;
}

/** Stem and extension with its dot, where it is one. @param {string} name @returns {[string, string]} */
function split(name) {
  const dot = name.lastIndexOf(".");
  if (dot <= 0 || bytes(name.slice(dot + 1)) > 16) return [name, ""];
  return [name.slice(0, dot), name.slice(dot)];
}

/** `name` in at most `limit` bytes, its extension kept where that leaves a stem. @param {string} name @param {number} limit */
function cut(name, limit) {
  if (bytes(name) <= limit) return name;
  const [stem, tail] = split(name);
  const head = utf8(stem).subarray(0, limit - bytes(tail));
  const kept = new TextDecoder().decode(head, { stream: true }); // a character that was cut in two is left out
  return (kept + tail).replace(/[. ]+$/, "") || "file";
}
