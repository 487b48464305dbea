import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, unbase64, utf8 } from "../../../src/burrowspace/web/core/bytes.js";
import { lookOf, PICTURES, pictureOf } from "../../../src/burrowspace/web/core/device-names.js";
import * as devices from "../../../src/burrowspace/web/core/devices.js";
import { encodeInvitation } from "../../../src/burrowspace/web/core/invitation.js";
import { Box, derive } from "../../../src/burrowspace/web/core/sealing.js";
import { exchange, publicOf } from "../../../src/burrowspace/web/core/x25519.js";
import { bytes, code, digits, held } from "./vectors.mjs";

const VECTORS = held("devices");
const ann = bytes(VECTORS.ann.private);
const bob = bytes(VECTORS.bob.private);
const nonce = bytes(VECTORS.nonce);
const plain = (data) => new TextDecoder().decode(data);

for (const native of [true, false]) {
  test(`a key has the public one of the vectors, and two share one secret (native: ${native})`, async () => {
    assert.equal(base64(await publicOf(ann, native)), VECTORS.ann.public);
    assert.equal(base64(await publicOf(bob, native)), VECTORS.bob.public);
    const [one, other] = [unbase64(VECTORS.ann.public), unbase64(VECTORS.bob.public)];
    assert.deepEqual(await exchange(ann, other, native), await exchange(bob, one, !native));
    await assert.rejects(exchange(ann, new Uint8Array(32), native), code("bad-request"));
    await assert.rejects(exchange(ann, one.slice(1), native), code("bad-request"));
  });
}

test("introductions are what the vectors say", async () => {
  const box = new Box(derive(bytes(VECTORS.pairing.secret), new Uint8Array(0), "burrow/1 introduction"));
  for (const [who, part] of [["ann", "one"], ["bob", "two"]]) {
    const said = await box.open(bytes(VECTORS.pairing[part]), utf8(part));
    assert.equal(plain(said), VECTORS[who].introduction);
    assert.equal(plain(devices.encodeIntroduction(await devices.parseIntroduction(said))), VECTORS[who].introduction);
    assert.equal(digits(await box.seal(said, utf8(part), nonce)), VECTORS.pairing[part]);
  }
});

test("inboxes and invitations are what the vectors say, from both ends", async () => {
  const [one, other] = [unbase64(VECTORS.ann.public), unbase64(VECTORS.bob.public)];
  for (const { owner, mailbox, sealed } of VECTORS.inboxes) {
    const anns = await devices.pairInbox(ann, other, owner === "ann" ? "own" : "other");
    const bobs = await devices.pairInbox(bob, one, owner === "bob" ? "own" : "other");
    assert.deepEqual([anns.mailbox, bobs.mailbox], [mailbox, mailbox]);
    const invitation = await anns.open(bytes(sealed));
    assert.equal(digits(invitation.secret), VECTORS.secret);
    assert.equal(plain(encodeInvitation(invitation)), VECTORS.invitation);
    assert.equal(digits(await bobs.seal(invitation, nonce)), sealed);
    await assert.rejects(bobs.open(bytes(sealed).fill(0, 20, 21)), code("tampered"));
    await assert.rejects(bobs.open(new Uint8Array(4097)), code("bad-request"));
  }
});

test("what is no introduction is refused", async () => {
  for (const text of VECTORS.bad_introductions) {
    await assert.rejects(devices.parseIntroduction(utf8(text)), code("bad-request"), text.slice(0, 80));
  }
});

test("a stranger's name is cut and shows nothing that hides", async () => {
  const said = (name) => utf8(JSON.stringify({ name, public: VECTORS.ann.public, kind: "<b>" }));
  const found = await devices.parseIntroduction(said(` a\u202eb${"x".repeat(200)}`));
  assert.equal([...found.name].length, 64);
  assert.ok(found.name.startsWith("a\ufffdbx"));
  assert.equal(found.kind, undefined);
  assert.equal((await devices.parseIntroduction(said("  "))).name, "device");
  const own = devices.encodeIntroduction({ name: `\ud800${"😀".repeat(70)}`, public: VECTORS.ann.public, kind: "phone" });
  const back = await devices.parseIntroduction(own);
  assert.deepEqual([[...back.name].length, back.kind], [64, "phone"]);
});

test("a device's name and picture are of one animal, and every number is a picture", () => {
  for (let at = 0; at < 256; at++) {
    const { name, picture } = lookOf(Uint8Array.of(at, 7 * at, at, 255 - at));
    assert.match(name, /^[A-Z][a-z]+ [A-Z][a-z]+$/);
    assert.equal(name.split(" ")[1].toLowerCase(), pictureOf(picture).animal);
    assert.ok(0 <= picture && picture < PICTURES);
  }
  for (const number of [0, 999, 1000, -1, NaN, 1.5, 2 ** 60]) {
    const { emoji, hue } = pictureOf(number);
    assert.ok(emoji && 0 <= hue && hue < 360, `${number}`);
  }
});
