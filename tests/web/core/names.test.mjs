import assert from "node:assert/strict";
import { test } from "node:test";
import { safeName, safePath, safePaths, shown } from "../../../src/burrowspace/web/core/names.js";
import { held } from "./vectors.mjs";

const VECTORS = held("names");

test("names and paths become what the vectors say", () => {
  for (const { offered, safe } of VECTORS.names) assert.equal(safeName(offered), safe);
  for (const { offered, safe } of VECTORS.paths) assert.deepEqual(safePath(offered), safe);
  for (const { text, shown: line } of VECTORS.shown) assert.equal(shown(text, 12), line);
});

test("no two paths of a manifest meet", () => {
  for (const { offered, safe } of VECTORS.manifests) {
    assert.deepEqual(safePaths(offered.map(([path, folder]) => ({ path, folder }))), safe);
  }
});
