import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockKey, Box, derive } from "../../../src/burrowspace/web/core/sealing.js";
import { bytes, code, digits, held, pattern, sha256 } from "./vectors.mjs";

const VECTORS = held("sealing");
const secret = bytes(VECTORS.secret);
const transfer = bytes(VECTORS.transfer);

test("keys follow from the labels", () => {
  for (const { label, salt, size, key } of VECTORS.derived) {
    assert.equal(digits(derive(secret, bytes(salt), label, size)), key);
  }
});

for (const native of [true, false]) {
  test(`blocks are sealed as the vectors say, ${native ? "by WebCrypto" : "by the vendored ciphers"}`, async () => {
    for (const each of VECTORS.blocks) {
      const { suite, file, index, end, nonce } = each;
      const key = new BlockKey(secret, transfer, suite, native);
      const plain = each.plain === undefined ? pattern(each.plain_pattern) : bytes(each.plain);
      const sealed = await key.seal(file, index, end, plain, bytes(nonce));
      if (each.sealed !== undefined) assert.equal(digits(sealed), each.sealed);
      else {
        assert.equal(sha256(sealed), each.sealed_sha256);
        assert.equal(digits(key.fingerprint(sealed)), each.fingerprint);
      }
      assert.deepEqual(await key.open(file, index, end, sealed), plain);
      assert.ok(await key.check(file, index, end, plain, key.fingerprint(sealed)));
      assert.ok(!(await key.check(file, index + 1, end, plain, key.fingerprint(sealed))));
    }
  });

  test(`a block with one wrong bit, or elsewhere, is tampered (native: ${native})`, async () => {
    for (const suite of ["A256GCM", "XC20P"]) {
      const key = new BlockKey(secret, transfer, suite, native);
      const nonce = new Uint8Array(suite === "XC20P" ? 24 : 12).fill(1);
      const sealed = await key.seal(1, 3, true, pattern(50), nonce);
      for (const at of [0, nonce.length, sealed.length - 1]) {
        const wrong = sealed.slice();
        wrong[at] ^= 1;
        await assert.rejects(key.open(1, 3, true, wrong), code("tampered"));
      }
      await assert.rejects(key.open(0, 3, true, sealed), code("tampered"));
      await assert.rejects(key.open(1, 2, true, sealed), code("tampered"));
      await assert.rejects(key.open(1, 3, false, sealed), code("tampered"));
      await assert.rejects(key.open(1, 3, true, sealed.slice(0, 20)), code("tampered"));
      const other = new BlockKey(secret, pattern(16), suite, native);
      await assert.rejects(other.open(1, 3, true, sealed), code("tampered"));
    }
  });
}

test("a block that no stream has is not sealed", async () => {
  const key = new BlockKey(secret, transfer);
  await assert.rejects(key.seal(1, 0, false, pattern(5), new Uint8Array(12)), TypeError);
  await assert.rejects(key.seal(1, 0, true, pattern(262144), new Uint8Array(12)), TypeError);
  await assert.rejects(key.seal(1, 0, true, pattern(5), new Uint8Array(11)), TypeError);
});

test("a box opens what it sealed, bound to what it was for", async () => {
  const box = new Box(new Uint8Array(32));
  const sealed = await box.seal(pattern(5), pattern(3), new Uint8Array(12));
  assert.deepEqual(await box.open(sealed, pattern(3)), pattern(5));
  await assert.rejects(box.open(sealed, pattern(4)), code("tampered"));
  await assert.rejects(box.open(sealed.slice(0, 8), pattern(3)), code("tampered"));
});
