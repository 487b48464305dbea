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

export function manifest(sizes = SIZES) {
  const mtimeNs = TIME * 1e6;
  const entries = Object.entries(sizes).map(([path, size]) => ({ path: path.split("/"), kind: "file", size, mtimeNs, mode: 0o644 }));
  entries.splice(1, 0, { path: ["message.txt"], kind: "text", size: 5, mtimeNs: 0, mode: 0o644 });
  entries.push({ path: ["nothing", "here"], kind: "folder", size: 0, mtimeNs: 0, mode: 0o755 });
  return new Manifest(entries, "things");
}

/** Content bytes from `begin` to `end` into the sink, in blocks, as a Landing does it. */
export async function feed(sink, whole, begin, end) {
  const row = new Row(whole.files.map(({ size }) => size ?? Infinity));
  for (let at = begin; at < end; at = Math.min(end, at + BLOCK - (at % BLOCK))) {
    const stop = Math.min(end, at + BLOCK - (at % BLOCK));
    const content = Uint8Array.from({ length: stop - at }, (_, index) => byteAt(at + index));
    for (const piece of row.pieces(at, stop)) {
      if (piece.begin === piece.end || whole.files[piece.file].kind === "text") continue;
      await sink.write(piece.file, piece.offset, content.subarray(piece.begin, piece.end));
    }
  }
}

export const HALF = 4 * BLOCK + 1234;

/** Begins, keeps what there is at HALF, writes more that is lost. */
export async function first(kind, sizes) {
  const whole = manifest(sizes);
  const { best, others, why } = await ways(whole);
  const way = [best, ...others].find((each) => each?.kind === kind);
  if (!way) throw new Error(`no ${kind}: ${why}`);
  const sink = await way.open("transfer-1");
  await sink.open(whole, false);
  await feed(sink, whole, 0, HALF);
  const survives = await sink.flush(false);
  const record = { id: "transfer-1", direction: "receive", title: "things", created: 1, secret: new Uint8Array(32), state: { at: HALF }, sink: sink.kept };
  await kept.put("transfer-1", record);
  await feed(sink, whole, HALF, HALF + BLOCK);
  return { best: best.kind, others: others.map((each) => each.kind), survives };
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

export async function dropped() {
  const [record] = await kept.list();
  await discard(record.sink);
  const gone = await reopen(record.sink, manifest());
  await kept.remove(record.id);
  return [gone, (await kept.list()).length];
}
