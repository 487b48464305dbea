import assert from "node:assert/strict";
import { test } from "node:test";
import { Blake3 } from "../../../src/burrowspace/web/core/blake3.js";
import { Asked, Asking } from "../../../src/burrowspace/web/core/credit.js";
import { Digests, Row } from "../../../src/burrowspace/web/core/pack.js";
import { code, digits, pattern } from "./vectors.mjs";

const EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"; // BLAKE3 of nothing

test("BLAKE3 is BLAKE3", async () => {
  assert.equal(digits(await Blake3.of(new Uint8Array(0))), EMPTY);
  const official = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"; // test vector of one zero byte
  assert.equal(digits(await Blake3.of(Uint8Array.of(0))), official);
});

test("the pieces of a range are the twin's", () => {
  const pieces = (sizes, at, upto) =>
    [...new Row(sizes).pieces(at, upto)].map(({ file, offset, begin, end }) => [file, offset, begin, end]);
  assert.deepEqual(pieces([3, 0, 5], 2, 6), [[0, 2, 0, 1], [1, 0, 1, 1], [2, 0, 1, 4]]);
  assert.deepEqual(pieces([3, 0, 5], 0, 3), [[0, 0, 0, 3]]);
});

test("each file is hashed for itself, however the content is cut, and over a reload", async () => {
  const sizes = [0, 3, 0, 700, 1, 0, 0, 1024, 0];
  const content = pattern(1728);
  const wanted = [];
  const row = new Row(sizes);
  for (const [at, size] of sizes.entries()) {
    wanted.push(digits(await Blake3.of(content.subarray(row.starts[at], row.starts[at] + size))));
  }
  for (const step of [1, 5, 700, 1727, 1728]) {
    let found = await Digests.make(row);
    for (let at = 0; at < content.length; at += step) {
      found.add(content.subarray(at, at + step));
      const saved = structuredClone(found.save());
      found = await Digests.make(row);
      found.load(saved);
    }
    assert.equal(digits(found.area), wanted.join(""), `in steps of ${step}`);
  }
  const nothing = await Digests.make(new Row([0, 0]));
  nothing.add(new Uint8Array(0));
  assert.equal(digits(nothing.area), EMPTY + EMPTY);
});

test("credit: nothing is asked twice, and nothing beyond the credit", () => {
  const asking = new Asking(0, 40);
  assert.deepEqual(asking.wants(), [{ stream: 0, from: 0, upto: 32 }]);
  assert.ok(asking.arrived(0, 0));
  assert.ok(!asking.arrived(0, 0));
  asking.moved(1);
  assert.deepEqual(asking.wants(), []);
  for (let at = 1; at < 8; at++) assert.ok(asking.arrived(0, at));
  asking.moved(8);
  assert.deepEqual(asking.wants(), [{ stream: 0, from: 32, upto: 40 }]);
  asking.stop();
  assert.equal(asking.outstanding, 0);
  assert.ok(asking.arrived(0, 8));
  const asked = new Asked();
  asked.want(5, 7);
  asked.want(9, 10);
  assert.deepEqual([asked.next(), asked.next(), asked.next(), asked.next()], [5, 6, 9, null]);
  assert.throws(() => asked.want(0, 33), code("bad-request"));
  assert.throws(() => asked.want(3, 3), code("bad-request"));
});
