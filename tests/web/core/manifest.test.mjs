import assert from "node:assert/strict";
import { test } from "node:test";
import { Manifest } from "../../../src/burrowspace/web/core/manifest.js";
import { code, held } from "./vectors.mjs";

const VECTORS = held("manifest");
const utf8 = (text) => new TextEncoder().encode(text);

test("good manifests are read, and written so that they are read again", () => {
  for (const { json, content_size, pack_size } of VECTORS.good) {
    const manifest = Manifest.parse(utf8(json));
    assert.deepEqual([manifest.contentSize, manifest.packSize], [content_size, pack_size]);
    assert.deepEqual(Manifest.parse(manifest.encode()), manifest);
  }
});

for (const { why, json } of VECTORS.bad) {
  test(`refused: ${why}`, () => assert.throws(() => Manifest.parse(utf8(json)), code("bad-manifest")));
}

test("refused besides: what is no UTF-8, what is no list, half a character", () => {
  for (const data of [Uint8Array.of(0xff), utf8("[]"), utf8("null"), utf8('{"entries":[1],"name":"x"}')]) {
    assert.throws(() => Manifest.parse(data), code("bad-manifest"));
  }
  const half = utf8('{"entries":[[["\\ud800"],"file",1]],"name":"x"}');
  assert.throws(() => Manifest.parse(half), code("bad-manifest"));
});
