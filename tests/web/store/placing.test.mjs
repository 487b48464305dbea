import assert from "node:assert/strict";
import { test } from "node:test";
import { Manifest } from "../../../src/burrowspace/web/core/manifest.js";
import { Placement, shownTexts } from "../../../src/burrowspace/web/core/placement.js";
import { placed, stored } from "../../../src/burrowspace/web/store/placing.js";

const MIB = 2 ** 20;
const entry = (name, kind, size) => ({ path: [name], kind, size, mtimeNs: 0, mode: 0o644 });
const texts = Array.from({ length: 9 }, (_, at) => entry(`${at}.txt`, "text", MIB));
const MANIFEST = new Manifest([entry("a.bin", "file", 5), ...texts, entry("z.bin", "file", 7), entry("small.txt", "text", 0)], "many");

test("texts beyond what a page can show are stored like files, each at a place of its own", () => {
  assert.deepEqual([...shownTexts(MANIFEST)], [1, 2, 3, 4, 5, 6, 7, 8, 11]);
  const { files } = placed(MANIFEST);
  const found = files.map(({ number, path, begin, size }) => [number, path.join("/"), begin, size]);
  assert.deepEqual(found, [
    [0, "a.bin", 0, 5],
    [9, "8.txt", 5, MIB],
    [10, "z.bin", 5 + MIB, 7],
  ]);
  assert.equal(stored(MANIFEST), 5 + MIB + 7);
});

test("every byte is either shown or has a place in what is stored", () => {
  const placement = new Placement(MANIFEST);
  const places = new Set(placed(MANIFEST).files.map(({ number }) => number));
  const pieces = placement.place(0, new Uint8Array(MANIFEST.contentSize).fill(97));
  for (const { file } of pieces) assert.ok(places.has(file), `file ${file} has no place`);
  const kept = placement.textsBut(new Set()).reduce((sum, text) => sum + text.length, 0);
  const sunk = pieces.reduce((sum, { piece }) => sum + piece.length, 0);
  assert.deepEqual([kept, sunk], [8 * MIB, stored(MANIFEST)]);
});
