import assert from "node:assert/strict";
import { test } from "node:test";
import { contentsOf, listed } from "../../../src/burrowspace/web/core/items.js";
import { Manifest } from "../../../src/burrowspace/web/core/manifest.js";
import { code } from "./vectors.mjs";

const at = (year) => Date.UTC(year, 0, 1);
const file = (name, modified) => ({ path: ["top", name], blob: new Blob([name]), modified });

test("a date that cannot be stored costs only itself, and both sides know", () => {
  const { manifest } = listed([file("old", at(1601)), file("new", at(2500)), file("rest", at(2024))]);
  const read = Manifest.parse(manifest.encode());
  assert.deepEqual(read.notes, [
    { path: "top/old", why: "date", detail: "1601-01-01" },
    { path: "top/new", why: "date", detail: "2500-01-01" },
  ]);
  assert.deepEqual(
    read.entries.map((entry) => entry.mtimeNs),
    [0, 0, at(2024) * 1e6],
  );
});

test("what an earlier run left out may be gone or be another, and keeps its place; nothing else may", () => {
  const before = contentsOf([file("a", at(2020)), file("b", at(2021)), { text: "said" }, file("c", at(2022))]);
  const rest = [file("a", at(2020)), { text: "said" }, file("c", at(2022))];
  const other = { path: ["top", "b"], blob: new Blob(["another"]), modified: at(2024) };
  for (const items of [rest, [rest[0], other, ...rest.slice(1)]]) {
    const { manifest, encoded, files } = contentsOf(items, undefined, before.encoded, [[1, "stale"]]);
    assert.deepEqual([manifest, encoded], [before.manifest, before.encoded]);
    assert.deepEqual(files.map(({ size }) => size), [1, items.length === 3 ? 0 : 7, 4, 1]);
    assert.throws(() => contentsOf(items, undefined, before.encoded), code("changed"));
    assert.throws(() => contentsOf(items, undefined, before.encoded, [[0, "stale"]]), code("changed"));
  }
});

test("several things are called by how many files they are", () => {
  const file = (name) => ({ path: [name], blob: new Blob(["a"]) });
  assert.equal(listed([file("a"), file("b"), file("c")]).manifest.name, "3 files");
  assert.equal(listed([file("a"), { folder: ["empty"] }]).manifest.name, "1 file");
  assert.equal(listed([{ folder: ["one"] }, { folder: ["two"] }]).manifest.name, "2 folders");
  assert.equal(listed([file("a")]).manifest.name, "a");
});
