/** What the tests of store/ let a page do, in the page itself: test_store.py calls these. */

import { Manifest } from "/web/core/manifest.js";
import { Row } from "/web/core/pack.js";
import { discard, reopen, ways } from "/web/store/ways.js";
import { kept } from "/web/store/kept.js";
import { saveBlob } from "/web/store/save.js";
import { zipBlob } from "/web/store/zip.js";

const BLOCK = 262144;
const SIZES = { "photos/one.bin": 3 * BLOCK + 7, "photos/CON": 70_000, empty: 0, "späß 10.bin": 5 * BLOCK };
export const TIME = Date.UTC(2024, 1, 29, 12, 34, 56);

/** Byte `at` of the row of all contents; the Python knows it, too. */
const byteAt = (at) => (at * 31 + (at >> 8) * 7) & 255;
const PERIOD = 65536; // after which it comes again
const PATTERN = Uint8Array.from({ length: PERIOD + BLOCK }, (_, at) => byteAt(at));

export function manifest(sizes = SIZES) {
  const mtimeNs = TIME * 1e6;
  const entries = Object.entries(sizes).map(([path, size]) => ({ path: path.split("/"), kind: "file", size, mtimeNs, mode: 0o644 }));
  entries.splice(1, 0, { path: ["message.txt"], kind: "text", size: 5, mtimeNs: 0, mode: 0o644 });
  entries.push({ path: ["nothing", "here"], kind: "folder", size: 0, mtimeNs: 0, mode: 0o755 });
  return new Manifest(entries, "things");
}

/** Content bytes from `begin` to `end` into the sink, in blocks, as Staging does it. */
export async function feed(sink, whole, begin, end) {
  const row = new Row(whole.files.map(({ size }) => size ?? Infinity));
  for (let at = begin; at < end; at = Math.min(end, at + BLOCK - (at % BLOCK))) {
    const stop = Math.min(end, at + BLOCK - (at % BLOCK));
    const content = PATTERN.slice(at % PERIOD, (at % PERIOD) + stop - at);
    const pieces = row.pieces(at, stop).filter(({ file, begin, end }) => begin < end && whole.files[file].kind !== "text");
    const placed = pieces.map(({ file, offset, begin, end }) => ({ file, offset, piece: content.subarray(begin, end) }));
    if (sink.writeAll) await sink.writeAll(placed);
    else for (const { file, offset, piece } of placed) await sink.write(file, offset, piece);
  }
}

export const HALF = 4 * BLOCK + 1234;

/** A new sink of this kind, open. */
async function begun(kind, sizes) {
  const whole = manifest(sizes);
  const { best, others, why } = await ways(whole);
  const way = [best, ...others].find((each) => each?.kind === kind);
  if (!way) throw new Error(`no ${kind}: ${why}`);
  const sink = await way.open("transfer-1");
  await sink.open(whole, false);
  return { whole, sink, best: best.kind, others: others.map((each) => each.kind) };
}

/** Begins, keeps what there is at HALF, writes more that is lost. */
export async function first(kind, sizes) {
  const { whole, sink, best, others } = await begun(kind, sizes);
  await feed(sink, whole, 0, HALF);
  const survives = await sink.flush(false);
  const record = { id: "transfer-1", direction: "receive", title: "things", created: 1, secret: new Uint8Array(32), state: { at: HALF }, sink: sink.kept };
  await kept.put("transfer-1", record);
  await feed(sink, whole, HALF, HALF + BLOCK);
  return { best, others, survives };
}

/** After a reload: goes on to the end; what is there then. */
export async function second(sizes) {
  const whole = manifest(sizes);
  const [record] = await kept.list();
  const sink = await reopen(record.sink, whole);
  if (!sink) return null;
  await sink.open(whole, true);
  await feed(sink, whole, record.state.at, whole.contentSize);
  await sink.finish();
  await kept.put(record.id, { ...record, sink: sink.kept });
  return sink.received ? told(sink) : [];
}

/** After another reload, or in the same page: hands it over as a ZIP. */
export async function zipped(given) {
  const [record] = await kept.list();
  const sink = given ?? (await reopen(record.sink, manifest()));
  saveBlob(await zipBlob(await sink.received(), sink.folders()), "thi/ngs?.zip");
  return told(sink);
}

export async function told(sink) {
  return (await sink.received()).map(({ path, size, crc }) => [path.join("/"), size, crc]);
}

/** Hands it over into a folder where a name is taken. */
export async function intoFolder() {
  const { saveIntoFolder } = await import("/web/store/save.js");
  const [record] = await kept.list();
  const sink = await reopen(record.sink, manifest());
  const folder = await chosen();
  await folder.getFileHandle("photos", { create: true });
  let wrote = 0;
  const tops = await saveIntoFolder(await sink.received(), folder, sink.folders(), (bytes) => (wrote += bytes));
  return { tops, wrote, found: await inFolder() };
}

export async function dropped() {
  const [record] = await kept.list();
  await discard(record.sink);
  const gone = await reopen(record.sink, manifest());
  await kept.remove(record.id);
  return [gone, (await kept.list()).length];
}

/** In place of the person who chooses: a folder of the page's own. @returns {Promise<FileSystemDirectoryHandle>} */
async function chosen() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle("chosen", { create: true });
}

/** Chooses a folder where two of the names are taken, and begins. */
export async function firstIntoFolder() {
  const folder = await chosen();
  await folder.getFileHandle("photos", { create: true });
  await folder.getDirectoryHandle("empty", { create: true });
  globalThis.showDirectoryPicker = async () => folder;
  return first("folder");
}

/** One file, into a place of its own: what there is after `secondFile`. */
export async function firstIntoFile(size) {
  const file = await (await chosen()).getFileHandle("one.bin", { create: true });
  globalThis.showSaveFilePicker = async () => file;
  const whole = await import("/web/core/manifest.js").then(({ Manifest }) => new Manifest([{ path: ["one.bin"], kind: "file", size, mtimeNs: 0, mode: 0o644 }], "one"));
  const { others } = await ways(whole);
  const sink = await others.find(({ kind }) => kind === "file").open("t");
  await sink.open(whole, false);
  const flushes = [];
  const MiB = 2 ** 20;
  for (let at = 0; at < size; at += 4 * MiB) {
    await feed(sink, whole, at, Math.min(size, at + 4 * MiB));
    flushes.push(await sink.flush(false));
  }
  await sink.finish();
  return { flushes, same: await same(await file.getFile()) };
}

/** Whether a file holds the row from its beginning. */
async function same(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== PATTERN[at % PERIOD]) return false;
  return true;
}

/** Everything in the chosen folder: sizes by path, and a SHA-256 of each. */
export async function inFolder() {
  const found = {};
  const walk = async (folder, path) => {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "directory") {
        found[`${path}${name}/`] = "";
        await walk(handle, `${path}${name}/`);
      } else {
        const bytes = await (await handle.getFile()).arrayBuffer();
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        found[path + name] = digest.toHex ? digest.toHex() : [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      }
    }
  };
  await walk(await chosen(), "");
  return found;
}

/** From beginning to end in one page, but for files that are `lost`, by their number. */
export async function straight(kind, sizes, lost = []) {
  const { whole, sink, best } = await begun(kind, sizes);
  const without = new Set(lost);
  await feed(sink, whole, 0, whole.contentSize);
  const survives = await sink.flush(false);
  const places = await sink.finish(without);
  if (sink.received) saveBlob(await zipBlob(await sink.received(without), sink.folders()), "things.zip");
  return { best, survives, places, kept: sink.kept };
}

/** The same into a folder where the name of a lost file was taken, then the end once more, as after a page that was closed
 * before its sender was told; a file of the person's own has the name by then. */
export async function lostInFolder(lost) {
  const folder = await chosen();
  await folder.getFileHandle("empty", { create: true });
  globalThis.showDirectoryPicker = async () => folder;
  const { places, kept } = await straight("folder", undefined, lost);
  await folder.getFileHandle("späß 10.bin", { create: true });
  const again = await reopen(kept, manifest());
  await again.open(manifest(), true);
  return { places, again: await again.finish(new Set(lost)), found: await inFolder() };
}

/** One large file as a stream: how much was taken before the browser took any more of it. */
export async function streamed(size, name, lost = []) {
  const { Manifest } = await import("/web/core/manifest.js");
  const whole = new Manifest([{ path: [name], kind: "file", size, mtimeNs: 0, mode: 0o644 }], name);
  const { best, others } = await ways(whole);
  const sink = await [best, ...others].find(({ kind }) => kind === "stream").open("t");
  await sink.open(whole, false);
  await feed(sink, whole, 0, size);
  return sink.finish(new Set(lost));
}

/** A stream that is given up in the middle. */
export async function halfStreamed() {
  const whole = manifest();
  const { best, others } = await ways(whole);
  const sink = await [best, ...others].find(({ kind }) => kind === "stream").open("t");
  await sink.open(whole, false);
  await feed(sink, whole, 0, HALF);
  await sink.abort();
}

export { hold } from "/web/store/hold.js";
export { registerWorker } from "/web/store/worker-registration.js";
export { history } from "/web/store/history.js";
export { settings } from "/web/store/settings.js";
export { database } from "/web/store/database.js";
export { takeShared } from "/web/store/shared.js";
export * as picked from "/web/store/picked.js";
export { kept };

/** Pastes pictures and a text. */
export async function pasted(pictures, text) {
  const { fromPaste } = await import("/web/store/picked.js");
  const data = new DataTransfer();
  for (const each of pictures) data.items.add(new File([each], "image.png"));
  data.setData("text/plain", text);
  return fromPaste(data);
}

/** Things to send, as JSON can show them. */
export async function shown(items) {
  if (!items) return null;
  return Promise.all(
    items.map(async (item) => {
      if (!("blob" in item)) return item;
      const from = item.root ? "root" : item.handle ? "handle" : "blob";
      return { path: item.path.join("/"), text: await item.blob.text(), from };
    }),
  );
}

/** Takes what is dropped next; `dropped` resolves with it. */
export async function awaitDrop() {
  const { fromDrop } = await import("/web/store/picked.js");
  document.documentElement.style.setProperty("height", "100%");
  addEventListener("dragover", (event) => event.preventDefault());
  globalThis.drop = new Promise((resolve, reject) => {
    addEventListener("drop", (event) => {
      event.preventDefault();
      fromDrop(event.dataTransfer).then(resolve, reject);
    });
  });
}

/** Keeps the dropped things as those of a sender. */
export async function keepDropped() {
  const { keepable } = await import("/web/store/keepable.js");
  const items = await globalThis.drop;
  const files = keepable(items);
  await kept.put("s1", { id: "s1", direction: "send", title: "drop", created: 2, secret: new Uint8Array(32), state: {}, files });
  await kept.put("s1", { id: "s1", direction: "send", title: "drop", created: 2, secret: new Uint8Array(32), state: { legs: [] } });
  return shown(items);
}

export async function revived(leftOut) {
  const { reviveItems } = await import("/web/store/keepable.js");
  const found = await reviveItems(await kept.get("s1"), leftOut);
  return found && { ...found, items: await shown(found.items) };
}
