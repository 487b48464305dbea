/**
 * What arrives goes straight into a folder that the person chose, or into one file, where the browser lets a page write
 * there (File System Access). A file is written beside its place until it is closed, so a half written one survives a
 * reload only where it was closed and opened again: that copies it, so it is done when it has doubled.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { KeepingSink, KeptFolder, Placed } from "./placing.js"
 */

import { BurrowError } from "../core/errors.js";
import { freeFile, freeFolder, ofPath } from "./folders.js";
import { allowed, named } from "./platform.js";
import { placed } from "./placing.js";

const CHEAP_BYTES = 16 * 2 ** 20; // a file that may be copied at any time

/** The file that is half written: `size` bytes from its beginning, of which `safe` are in place.
 * @typedef {{number: number, handle: FileSystemFileHandle, writable: FileSystemWritableFileStream, size: number, safe: number}} Current */

/** @implements {KeepingSink} */
export class FolderSink {
  /** @type {KeptFolder} */ kept;

  /** @type {Map<number, Placed>} */ #files;
  /** @type {string[][]} */ #folders;
  /** @type {Current | null} */ #current = null;
  /** What is under way. @type {Promise<unknown>} */ #busy = Promise.resolve();

  /** @param {KeptFolder} kept @param {Manifest} manifest */
  constructor(kept, manifest) {
    this.kept = kept;
    const { files, folders } = placed(manifest);
    this.#files = new Map(files.map((file) => [file.number, file]));
    this.#folders = folders;
  }

  get kind() {
    return this.kept.kind;
  }

  /** Asks the person, so call it from a click. null: the folder is gone. refused: they do not allow it.
   * @param {KeptFolder} kept @param {Manifest} manifest @returns {Promise<FolderSink | null>} */
  static async reopen(kept, manifest) {
    const { handle } = kept;
    if (!(await allowed(handle, "readwrite", true))) {
      throw new BurrowError("refused", `to go on, allow this page to write to ${handle.name}`, { reason: "allow-folder", name: handle.name });
    }
    try {
      if (kept.kind === "file") await kept.handle.getFile();
      else for (const [, name] of kept.names) await kept.handle.getFileHandle(name).catch(isFolder);
    } catch (error) {
      if (named(error) === "NotFoundError") return null;
      throw error;
    }
    return new FolderSink(kept, manifest);
  }

  /** @param {Manifest} _manifest @param {boolean} resumed */
  async open(_manifest, resumed) {
    await this.#run(async () => {
      if (this.kept.kind === "folder" && !resumed) await this.#prepare(this.kept.handle);
    });
  }

  /** @param {number} file @param {number} offset @param {Uint8Array} content */
  async write(file, offset, content) {
    await this.#run(async () => {
      if (this.#current && this.#current.number !== file) await this.#settle();
      const current = (this.#current ??= await this.#begin(file, offset));
      const data = /** @type {Uint8Array<ArrayBuffer>} */ (content);
      await current.writable.write({ type: "write", position: offset, data });
      current.size = offset + content.length;
      if (current.size === this.#files.get(file)?.size) await this.#settle();
    });
  }

  /** @param {boolean} last */
  async flush(last) {
    return this.#run(async () => {
      const current = this.#current;
      if (!current) return true;
      const { number, size, safe } = current;
      if (!last && size > CHEAP_BYTES && safe > size / 2) return false;
      await this.#settle();
      if (!last) this.#current = await this.#begin(number, size);
      return true;
    });
  }

  /** @param {ReadonlySet<number>} [lost] */
  async finish(lost = new Set()) {
    await this.#run(async () => {
      await this.#settle();
      for (const file of lost) await this.#remove(file);
    });
    const { kept } = this;
    if (kept.kind === "file") return lost.size ? [] : [kept.handle.name];
    return kept.names.map(([, name]) => `${kept.handle.name}/${name}`);
  }

  async abort() {
    await this.close();
    const { kept } = this;
    if (kept.kind === "file") await removeFile(kept.handle);
    else for (const [, name] of kept.names) await kept.handle.removeEntry(name, { recursive: true });
  }

  /** Removes a file and keeps the folders that it lies in. @param {number} number */
  async #remove(number) {
    const { kept } = this;
    const file = this.#files.get(number);
    if (!file) return; // a text that is shown
    if (kept.kind === "file") return removeFile(kept.handle);
    if (!kept.names.some(([came]) => came === file.path[0])) return; // by an earlier run; what is called so now is not ours
    const here = this.#here(file.path);
    const parent = await ofPath(kept.handle, here.slice(0, -1));
    await parent.removeEntry(here[here.length - 1]).catch(isMissing);
    if (here.length > 1) return;
    this.kept = { ...kept, names: kept.names.filter(([came]) => came !== file.path[0]) };
  }

  /** What was not closed is not there. */
  async close() {
    await this.#busy;
    const current = this.#current;
    this.#current = null;
    await current?.writable.abort();
  }

  /** @template T @param {() => Promise<T>} act @returns {Promise<T>} */
  #run(act) {
    const done = mapped(act);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  /** Finds names that are free, makes folders and empty files. @param {FileSystemDirectoryHandle} root */
  async #prepare(root) {
    /** @type {Map<string, string>} */ const names = new Map();
    this.kept = { kind: "folder", handle: root, names: [] };
    /** @param {string} top @param {(parent: FileSystemDirectoryHandle, name: string) => Promise<string>} make */
    const place = async (top, make) => {
      if (names.has(top)) return;
      names.set(top, await make(root, top));
      this.kept = { kind: "folder", handle: root, names: [...names] };
    };
    for (const path of this.#folders) {
      await place(path[0], freeFolder);
      await ofPath(root, this.#here(path));
    }
    for (const { path, size } of this.#files.values()) {
      await place(path[0], path.length > 1 ? freeFolder : freeFile);
      if (size === 0) await this.#handle(path);
    }
  }

  /** A path as it is in the folder. @param {string[]} path */
  #here([top, ...rest]) {
    const { kept } = this;
    const names = kept.kind === "folder" ? kept.names : [];
    return [names.find(([came]) => came === top)?.[1] ?? top, ...rest];
  }

  /** @param {string[]} path @returns {Promise<FileSystemFileHandle>} */
  async #handle(path) {
    const { kept } = this;
    if (kept.kind === "file") return kept.handle;
    const here = this.#here(path);
    const parent = await ofPath(kept.handle, here.slice(0, -1));
    return parent.getFileHandle(here[here.length - 1], { create: true });
  }

  /** @param {number} number @param {number} offset @returns {Promise<Current>} */
  async #begin(number, offset) {
    const file = this.#files.get(number);
    if (!file) throw new TypeError("no such file");
    const handle = await this.#handle(file.path);
    if (offset > (await handle.getFile()).size) {
      throw new BurrowError("missing", `what had arrived of ${file.path.join("/")} is not there any more; receive it again`, { reason: "part-gone", name: file.path.join("/") });
    }
    const writable = await handle.createWritable({ keepExistingData: offset > 0 });
    if (offset) await writable.truncate(offset);
    return { number, handle, writable, size: offset, safe: offset };
  }

  /** Puts the current file in place. */
  async #settle() {
    const current = this.#current;
    this.#current = null;
    await current?.writable.close();
  }
}

/** @param {FileSystemFileHandle} handle */
async function removeFile(handle) {
  await /** @type {{remove?: () => Promise<void>}} */ (handle).remove?.();
}

/** Whether it is gone already, as after a page that was closed meanwhile. @param {unknown} error */
function isMissing(error) {
  if (named(error) !== "NotFoundError") throw error;
}

/** Whether what is no file is a folder: thrown again where it is not. @param {unknown} error */
function isFolder(error) {
  if (named(error) !== "TypeMismatchError") throw error;
}

/** @template T @param {() => Promise<T>} act @returns {Promise<T>} */
async function mapped(act) {
  try {
    return await act();
  } catch (error) {
    const name = named(error);
    if (name === "QuotaExceededError") {
      throw new BurrowError("no-space", "there is no more room on that disk; free some space and go on", { reason: "disk-full" });
    }
    if (name === "NotFoundError") throw new BurrowError("missing", "the folder to receive into is gone; receive it again", { reason: "folder-gone" });
    if (name === "NotAllowedError" || name === "NoModificationAllowedError") {
      throw new BurrowError("refused", "the browser does not let this page write there any more; go on with it to allow it again", { reason: "write-refused" });
    }
    throw error;
  }
}
