/**
 * Where what comes can be put in this browser: asked before the first byte. What is chosen is choosing.js's to say.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { Here, Kind, NoWay } from "./choosing.js"
 * @import { Kept, KeepingSink } from "./placing.js"
 */

import { choose, MEMORY_BYTES, MEMORY_SMALL_BYTES } from "./choosing.js";
import { opfsDiscard } from "./opfs.js";
import { pickers } from "./platform.js";
import { placed, stored } from "./placing.js";
import { FolderSink } from "./sink-folder.js";
import { MemorySink } from "./sink-memory.js";
import { OpfsSink } from "./sink-opfs.js";
import { StreamSink } from "./sink-stream.js";
import { BASE } from "../wire/runtime.js";

/** `open` asks for the folder or the file where the kind has one, so it is called from a click; it throws an AbortError
 * (DOMException) when the person changes their mind. @typedef {{kind: Kind, open: (id: string) => Promise<KeepingSink>}} Way */

/** `why`: where there is no way at all. @param {Manifest} manifest @returns {Promise<{best: Way | null, others: Way[], why: NoWay | null}>} */
export async function ways(manifest) {
  const here = await found();
  const { files, folders } = placed(manifest);
  const single = files.length === 1 && files[0].path.length === 1 && !folders.length;
  const { kinds, why } = choose(stored(manifest), single, here);
  const [best = null, ...others] = kinds.map((kind) => way(kind, manifest, here));
  return { best, others, why };
}

/** After a reload: the place as it was at the `keep` that goes with `kept`; null: it is gone, and what came must come
 * again. It may ask, so call it from a click; refused: the person does not allow it. @param {Kept | null} kept @param {Manifest} manifest @returns {Promise<KeepingSink | null>} */
export async function reopen(kept, manifest) {
  if (!kept) return null;
  return kept.kind === "browser" ? OpfsSink.reopen(kept, manifest, inMemory(small())) : FolderSink.reopen(kept, manifest);
}

/** Frees what the browser keeps of a transfer that will not go on, or was handed to the person. What lies in a folder of
 * the person's stays. @param {Kept | null} kept */
export async function discard(kept) {
  if (kept?.kind === "browser") await opfsDiscard(kept.id);
}

/** @param {Kind} kind @param {Manifest} manifest @param {Here} here @returns {Way} */
function way(kind, manifest, here) {
  const limit = inMemory(here.small);
  /** @type {Record<Kind, (id: string) => Promise<KeepingSink>>} */
  const opens = {
    browser: async (id) => new OpfsSink(id, manifest, limit),
    folder: async () => new FolderSink({ kind: "folder", handle: await chosenFolder(), names: [] }, manifest),
    file: async () => new FolderSink({ kind: "file", handle: await chosenFile(manifest) }, manifest),
    stream: async () => new StreamSink(manifest),
    memory: async () => new MemorySink(manifest, limit),
  };
  return { kind, open: opens[kind] };
}

/** @returns {Promise<FileSystemDirectoryHandle>} */
async function chosenFolder() {
  const { showDirectoryPicker } = pickers();
  if (!showDirectoryPicker) throw new TypeError("no folder can be chosen here");
  return showDirectoryPicker.call(globalThis, { mode: "readwrite", id: "burrow-received", startIn: "downloads" });
}

/** @param {Manifest} manifest @returns {Promise<FileSystemFileHandle>} */
async function chosenFile(manifest) {
  const { showSaveFilePicker } = pickers();
  if (!showSaveFilePicker) throw new TypeError("no file can be chosen here");
  const [{ path }] = placed(manifest).files;
  return showSaveFilePicker.call(globalThis, { suggestedName: path[path.length - 1], id: "burrow-received", startIn: "downloads" });
}

/** @returns {Promise<Here>} */
async function found() {
  const { showDirectoryPicker, showSaveFilePicker } = pickers();
  return {
    secure: globalThis.isSecureContext,
    opfs: await hasOpfs(),
    room: await room(),
    folder: Boolean(showDirectoryPicker),
    file: Boolean(showSaveFilePicker),
    worker: await hasWorker(),
    small: small(),
  };
}

/** A phone or a tablet. */
function small() {
  const agent = /** @type {{userAgentData?: {mobile: boolean}}} */ (navigator).userAgentData;
  return agent ? agent.mobile : /Android|iPhone|iPad|Mobile/.test(navigator.userAgent) || isIpad();
}

/** Bytes that a page may hold. @param {boolean} small */
function inMemory(small) {
  return small ? MEMORY_SMALL_BYTES : MEMORY_BYTES;
}

/** It calls itself a Mac. */
function isIpad() {
  return navigator.userAgent.includes("Macintosh") && navigator.maxTouchPoints > 1;
}

async function hasWorker() {
  try {
    return Boolean((await navigator.serviceWorker?.getRegistration(BASE))?.active);
  } catch {
    return false; // a private window
  }
}

async function hasOpfs() {
  try {
    return Boolean(navigator.storage?.getDirectory && (await navigator.storage.getDirectory()));
  } catch {
    return false; // a private window
  }
}

async function room() {
  try {
    const { quota, usage = 0 } = await navigator.storage.estimate();
    return quota === undefined ? null : Math.max(0, quota - usage);
  } catch {
    return null;
  }
}
