import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAUSES, compare, lostBytes, mark, markOf, noneLeft, notesOf } from "../../../src/burrowspace/web/core/left-out.js";
import { bytes, digits, held } from "./vectors.mjs";

const VECTORS = held("left_out");

test("marks are written and read as the twin does", () => {
  for (const { why, mark: wanted } of VECTORS.marks) assert.equal(digits(mark(why)), wanted, why);
  for (const { digest, why } of VECTORS.reasons) assert.equal(markOf(bytes(digest)), why, digest);
});

for (const { case: name, got, given, lost, wrong } of VECTORS.compared) {
  test(`${name}: a receiver makes of it what the twin does`, () => {
    assert.deepEqual(compare(bytes(got), bytes(given)), { lost, wrong });
  });
}

test("a terminal is told why as it would say it itself", () => assert.deepEqual(CLAUSES, VECTORS.clauses));

test("a transfer without a file that is left ends", () => {
  for (const [leftOut, files, ends] of VECTORS.none_left) assert.equal(noneLeft(leftOut, files), ends);
});

test("a thousand are named, the others are counted, and the bytes of all", () => {
  const files = Array.from({ length: 1200 }, (_, at) => ({ path: ["top", String(at)], size: 2 }));
  const lost = files.map((_, at) => [at, "stale"]);
  const { notes, unlisted } = notesOf(lost, files);
  assert.deepEqual([notes.length, unlisted, notes[7]], [1000, 200, { path: "top/7", why: "stale", detail: "" }]);
  assert.equal(lostBytes(lost, files), 2400);
});
