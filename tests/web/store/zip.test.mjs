import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as zlibCrc } from "node:zlib";
import { crc32, crcOf } from "../../../src/burrowspace/web/store/crc32.js";
import { Sums } from "../../../src/burrowspace/web/store/sums.js";
import { ZipParts, zipBlob } from "../../../src/burrowspace/web/store/zip.js";

const noise = (size) => Uint8Array.from({ length: size }, (_, at) => (at * 131 + (at >> 7)) & 255);
// node:zlib has crc32 since 22.2; else bit by bit, as RFC 1952 has it
const slow = (bytes) => {
  if (zlibCrc) return zlibCrc(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
};

test("the CRC-32 is the one of RFC 1952, whatever the length and the step", async () => {
  assert.equal(crc32(0, new TextEncoder().encode("123456789")), 0xcbf43926);
  const bytes = noise(1000);
  for (const size of [0, 1, 15, 16, 17, 31, 32, 100, 1000]) {
    assert.equal(crc32(0, bytes.subarray(0, size)), slow(bytes.subarray(0, size)));
    assert.equal(crc32(crc32(0, bytes.subarray(0, 7)), bytes.subarray(7, Math.max(7, size))), slow(bytes.subarray(0, Math.max(7, size))));
  }
  assert.equal(await crcOf(new Blob([bytes])), slow(bytes));
});

test("sums go on over a reload, and are unknown where bytes did not come in order", () => {
  const files = [noise(100), noise(0), noise(50), noise(70)];
  const sums = new Sums(4);
  sums.add(0, 0, files[0].subarray(0, 60));
  const early = structuredClone(sums.save());
  sums.add(0, 60, files[0].subarray(60));
  sums.add(2, 0, files[2].subarray(0, 20));
  const late = structuredClone(sums.save());
  for (const [saved, at] of [[early, 0], [late, 2]]) {
    const again = new Sums(4);
    again.load(saved);
    if (at === 0) again.add(0, 60, files[0].subarray(60));
    again.add(2, at === 0 ? 0 : 20, files[2].subarray(at === 0 ? 0 : 20));
    again.add(3, 0, files[3]);
    assert.deepEqual([0, 1, 2, 3].map((file) => again.of(file, files[file].length)), files.map(slow));
  }
  const back = new Sums(4); // a record of the database that is newer than what the session goes on from
  back.load(late);
  back.add(0, 60, files[0].subarray(60));
  back.add(2, 0, files[2]);
  back.add(3, 0, files[3]);
  assert.deepEqual([0, 2, 3].map((file) => back.of(file, files[file].length)), [null, slow(files[2]), slow(files[3])]);
});

test("a row of parts counts its own bytes", () => {
  const zip = new ZipParts();
  const parts = [zip.folder(["a"]), zip.begin(["a", "b"], 3, 0), new Uint8Array(3), zip.ended(1, 3), zip.file(["c"], 2, 0, 5), new Uint8Array(2)];
  assert.equal(zip.size, parts.reduce((sum, part) => sum + part.length, 0));
});

test("thousands of small files of one row are read in a few pieces, and the ZIP is the same as from a Blob of each", async () => {
  const sizes = Array.from({ length: 3000 }, (_, number) => (number % 7 === 0 ? 0 : number % 500 === 1 ? 20_000 : (number * 37) % 1500));
  const content = noise(sizes.reduce((sum, size) => sum + size));
  const whole = new Blob([content]);
  let reads = 0;
  const row = { blob: { slice: (from, to) => ((reads += 1), whole.slice(from, to)) } };
  let begin = 0;
  const files = sizes.map((size, number) => {
    const from = begin;
    begin += size;
    const own = content.subarray(from, from + size);
    const crc = number % 2 ? slow(own) : null;
    const blob = async () => ((blobs += 1), whole.slice(from, from + size));
    return { path: ["d", `${number}`], size, modified: 0, crc, blob, row: { ...row, begin: from } };
  });
  let blobs = 0;
  const zip = await (await zipBlob(files, [["empty"]])).arrayBuffer();
  assert.deepEqual([blobs, reads < 20], [sizes.filter((size) => size === 20_000).length, true]);
  const apart = await zipBlob(files.map(({ row, ...file }) => file), [["empty"]]);
  assert.ok(Buffer.from(zip).equals(Buffer.from(await apart.arrayBuffer())));
});
