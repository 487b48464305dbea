/**
 * What the person dropped, pasted or chose, as things to send. Folders are walked, empty ones kept, what systems leave
 * in folders (`.DS_Store`) is left out; sorted as a person expects: `10` behind `9`.
 *
 * @import { FileItem, FolderItem, TextItem } from "../core/items.js"
 * @import { HandedItem } from "./platform.js"
 */

import { utf8 } from "../core/bytes.js";
import { BurrowError } from "../core/errors.js";
import { DEPTH, ENTRIES, TEXT_BYTES } from "../core/manifest.js";
import { alike, numbered } from "../core/names.js";
import { Breather } from "./breather.js";

const JUNK = new Set([".ds_store", "thumbs.db", "desktop.ini", ".localized", ".spotlight-v100", ".trashes", ".fseventsd"]);
const ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * `handle` of a file that was given alone; `root` of the folder that was given and the way from there: what survives a
 * reload (keepable.js).
 *
 * @typedef {FileItem & {handle?: FileSystemFileHandle, root?: FileSystemDirectoryHandle, inside?: string[]}} PickedFile
 * @typedef {PickedFile | TextItem | FolderItem} Picked
 */

/** Is told how many were found so far. @typedef {(n: number) => void} Counted */

/** Call it before anything is awaited: a drop is gone after its event. too-many. @param {DataTransfer} data
 * @param {Counted} [counted] @returns {Promise<Picked[]>} */
export function fromDrop(data, counted) {
  const given = [...data.items].filter(({ kind }) => kind === "file").map(hand);
  const text = data.getData("text/uri-list") || data.getData("text/plain");
  return gathered(given, text, counted);
}

/** As fromDrop; files before texts. @param {DataTransfer} data @returns {Promise<Picked[]>} */
export function fromPaste(data) {
  const given = [...data.items].filter(({ kind }) => kind === "file").map(hand);
  return gathered(given, data.getData("text/plain"));
}

/** Of `<input type="file">`, with or without `webkitdirectory`, which does not tell of empty folders.
 * @param {Iterable<File>} files @param {Counted} [counted] @returns {Promise<Picked[]>} */
export async function fromInput(files, counted) {
  const found = new Found(counted);
  for (const file of files) {
    const path = (file.webkitRelativePath || file.name).split("/");
    if (!path.slice(1).some(junk)) await found.file(path, file);
  }
  return found.sorted();
}

/** Of showOpenFilePicker and showDirectoryPicker. @param {Iterable<FileSystemHandle>} handles @param {Counted} [counted]
 * @returns {Promise<Picked[]>} */
export function fromHandles(handles, counted) {
  return gathered([...handles].map((handle) => ({ handle: Promise.resolve(handle), entry: null, file: null })), "", counted);
}

/** `more` behind `before`: what would have a name that is there gets " (2)". @param {Picked[]} before @param {Picked[]} more @returns {Picked[]} */
export function added(before, more) {
  const top = (/** @type {Picked} */ item) => ("text" in item ? "" : "folder" in item ? item.folder[0] : item.path[0]);
  const taken = new Set(before.map((item) => alike(top(item))));
  const free = (/** @type {string} */ name) => {
    let found = name;
    for (let number = 2; taken.has(alike(found)); number++) found = numbered(name, number);
    taken.add(alike(found));
    return found;
  };
  /** @type {Map<string, string>} */ const folders = new Map();
  const folder = (/** @type {string} */ name) => {
    const known = folders.get(name) ?? free(name);
    folders.set(name, known);
    return known;
  };
  const renamed = more.map((/** @returns {Picked} */ item) => {
    if ("text" in item) return item;
    if ("folder" in item) return { folder: [folder(item.folder[0]), ...item.folder.slice(1)] };
    const [first, ...rest] = item.path;
    return { ...item, path: [rest.length ? folder(first) : free(first), ...rest] };
  });
  return [...before, ...renamed];
}

/** @typedef {{handle: Promise<FileSystemHandle | null>, entry: FileSystemEntry | null, file: File | null}} Given */

/** All that a browser may give of it, asked at once. @param {DataTransferItem} item @returns {Given} */
function hand(item) {
  const { getAsFileSystemHandle } = /** @type {HandedItem} */ (item);
  const handle = getAsFileSystemHandle?.call(item) ?? Promise.resolve(null);
  return { handle: handle.catch(() => null), entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() };
}

/** @param {Given[]} given @param {string} text @param {Counted} [counted] @returns {Promise<Picked[]>} */
async function gathered(given, text, counted) {
  const found = new Found(counted);
  for (const { handle: asked, entry, file } of given) {
    const handle = await asked;
    if (handle?.kind === "directory") await found.walkHandle(/** @type {FileSystemDirectoryHandle} */ (handle));
    else if (handle) {
      const own = /** @type {FileSystemFileHandle} */ (handle);
      await found.file([own.name], await own.getFile(), { handle: own });
    } else if (entry?.isDirectory) await found.walkEntry(/** @type {FileSystemDirectoryEntry} */ (entry), [entry.name]);
    else if (file) await found.file([file.name], file);
  }
  if (!given.length && text) found.text(text);
  return found.sorted();
}

/** What was found so far. */
class Found {
  /** @type {Picked[]} */ #items = [];
  #breather = new Breather();

  /** @param {Counted} [counted] */
  constructor(counted = () => undefined) {
    this.counted = counted;
  }

  /** @param {string[]} path @param {File} blob @param {object} [from] */
  async file(path, blob, from = {}) {
    this.#add({ path: path.map(wellFormed), blob, modified: blob.lastModified, ...from });
    await this.#breather.pause(); // a browser looks at the disk for the time of each
  }

  /** A long one travels as a file. @param {string} text */
  text(text) {
    const formed = wellFormed(text);
    const bytes = utf8(formed);
    if (bytes.length <= TEXT_BYTES) this.#add({ text: formed });
    else this.#add({ path: ["message.txt"], blob: new Blob([bytes]), modified: Date.now() });
  }

  /** @param {FileSystemDirectoryHandle} root */
  async walkHandle(root) {
    /** @param {FileSystemDirectoryHandle} folder @param {string[]} inside */
    const walk = async (folder, inside) => {
      const path = this.#deep([root.name, ...inside]);
      let empty = true;
      for await (const child of /** @type {any} */ (folder).values()) {
        if (junk(child.name)) continue;
        empty = false;
        const below = [...inside, child.name];
        if (child.kind === "directory") await walk(child, below);
        else await this.file([root.name, ...below], await child.getFile(), { root, inside: below });
      }
      if (empty) this.#add({ folder: path });
    };
    await walk(root, []);
  }

  /** @param {FileSystemDirectoryEntry} folder @param {string[]} path */
  async walkEntry(folder, path) {
    const reader = folder.createReader();
    let empty = true;
    for (;;) {
      /** At most 100 at a time. @type {FileSystemEntry[]} */
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      for (const each of some) {
        if (junk(each.name)) continue;
        empty = false;
        const below = this.#deep([...path, each.name]);
        if (each.isDirectory) await this.walkEntry(/** @type {FileSystemDirectoryEntry} */ (each), below);
        else {
          /** @type {File} */ const file = await new Promise((resolve, reject) => {
            /** @type {FileSystemFileEntry} */ (each).file(resolve, reject);
          });
          await this.file(below, file);
        }
      }
    }
    if (empty) this.#add({ folder: path.map(wellFormed) });
  }

  sorted() {
    const path = (/** @type {Picked} */ item) => ("text" in item ? [] : "folder" in item ? item.folder : item.path);
    const inOrder = this.#items.sort((one, other) => {
      const [here, there] = [path(one), path(other)];
      for (let depth = 0; depth < Math.min(here.length, there.length); depth++) {
        const order = ORDER.compare(here[depth], there[depth]) || Number(here[depth] > there[depth]) - Number(here[depth] < there[depth]);
        if (order) return order;
      }
      return here.length - there.length;
    });
    return added([], inOrder);
  }

  /** @param {string[]} path */
  #deep(path) {
    if (path.length > DEPTH) throw new BurrowError("too-large", `folders lie in each other more than ${DEPTH} deep`, { reason: "too-deep", n: DEPTH });
    return path.map(wellFormed);
  }

  /** @param {Picked} item */
  #add(item) {
    if (this.#items.length >= ENTRIES) throw new BurrowError("too-many", `one transfer has at most ${ENTRIES} files; send them in parts`, { reason: "too-many-files", n: ENTRIES });
    this.#items.push(item);
    this.counted(this.#items.length);
  }
}

/** @param {string} name */
function junk(name) {
  return JUNK.has(name.toLowerCase());
}

/** A manifest is UTF-8. @param {string} text */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "�");
}
