import assert from "node:assert/strict";
import { test } from "node:test";
import { listed } from "../../../src/burrowspace/web/core/items.js";
import { Manifest } from "../../../src/burrowspace/web/core/manifest.js";

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

test("several things are called by how many files they are", () => {
  const file = (name) => ({ path: [name], blob: new Blob(["a"]) });
  assert.equal(listed([file("a"), file("b"), file("c")]).manifest.name, "3 files");
  assert.equal(listed([file("a"), { folder: ["empty"] }]).manifest.name, "1 file");
  assert.equal(listed([{ folder: ["one"] }, { folder: ["two"] }]).manifest.name, "2 folders");
  assert.equal(listed([file("a")]).manifest.name, "a");
});
