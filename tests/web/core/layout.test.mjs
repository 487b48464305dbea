import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout } from "../../../src/burrowspace/web/core/layout.js";
import { code, held } from "./vectors.mjs";

test("rows are where the vectors say, and every offset leads back", () => {
  for (const each of held("layout").layouts) {
    const layout = new Layout(each.suite, each.manifest_size, each.pack_size);
    assert.equal(layout.manifestBlocks, each.manifest_blocks);
    assert.equal(layout.positions, each.positions);
    assert.equal(layout.sealedSize, each.sealed_size);
    for (const row of each.rows) {
      const { file, index } = layout.where(row.position);
      assert.deepEqual([file, index], row.where);
      assert.equal(layout.plainSize(row.position), row.plain);
      assert.equal(layout.isEnd(row.position), row.end);
      assert.equal(layout.sealedMost(row.position), row.sealed);
      assert.equal(layout.endsWith(row.position, row.sealed), row.last);
      assert.equal(layout.endsWith(row.position, 29), row.short_last);
      assert.equal(layout.offset(row.position), row.offset);
      assert.deepEqual(layout.positionAt(row.offset), { position: row.position, rest: 0 });
    }
  }
});

test("a layout refuses what no transfer has", () => {
  assert.throws(() => new Layout("A256GCM", 0, 0), code("bad-request"));
  assert.throws(() => new Layout("A256GCM", 2 ** 27 + 1, 0), code("bad-request"));
  assert.throws(() => new Layout("A256GCM", 1, -1), code("bad-request"));
  assert.throws(() => new Layout("A256GCM", 1, 2 ** 50), code("too-large"));
  const layout = new Layout("A256GCM", 100, 5);
  assert.throws(() => layout.where(2), code("bad-request"));
  assert.throws(() => layout.positionAt(10_000), code("bad-request"));
});

test("a pack of unknown size ends with its short block", () => {
  const layout = new Layout("A256GCM", 100, null);
  assert.equal(layout.ended(3, 7).packSize, 2 * 262144 + 7);
  assert.throws(() => layout.ended(0, 7), code("bad-request"));
  assert.throws(() => new Layout("A256GCM", 100, 5).ended(1, 6), code("bad-request"));
});
