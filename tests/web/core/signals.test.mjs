import assert from "node:assert/strict";
import { test } from "node:test";
import * as signals from "../../../src/burrowspace/web/core/signals.js";
import { bytes, code, digits, held } from "./vectors.mjs";

const VECTORS = held("signalling");
const secret = bytes(VECTORS.secret);
const utf8 = (text) => new TextEncoder().encode(text);
const read = (data) => new TextDecoder().decode(data);

test("signals are sealed and opened as the vectors say", async () => {
  const sender = new signals.Channel(secret, VECTORS.mailbox, "sender", bytes(VECTORS.session));
  const receiver = new signals.Channel(secret, VECTORS.mailbox, "receiver", new Uint8Array(16));
  for (const { json, nonce, sealed } of VECTORS.signals) {
    const message = signals.parseSignal(utf8(json));
    assert.equal(read(signals.encode(message)), json);
    assert.equal(digits(await sender.seal(message, bytes(nonce))), sealed);
    assert.deepEqual(await receiver.open(bytes(sealed)), { session: VECTORS.session, signal: message });
    await assert.rejects(receiver.open(bytes(sealed)), code("tampered")); // said again
    await assert.rejects(sender.open(bytes(sealed)), code("tampered")); // thrown back
  }
});

test("what is no signal is refused", () => {
  for (const text of VECTORS.bad_signals) assert.throws(() => signals.parseSignal(utf8(text)), code("bad-request"));
  const more = ['{"type":"__proto__"}', '{"type":"constructor"}', "null", '{"type":"cancel","why":"\\ud800"}'];
  for (const text of more) assert.throws(() => signals.parseSignal(utf8(text)), code("bad-request"));
  assert.throws(() => signals.parseSignal(new Uint8Array(61441)), code("bad-request"));
});

test("controls are read and written as the vectors say", () => {
  for (const text of VECTORS.controls) assert.equal(read(signals.encode(signals.parseControl(utf8(text)))), text);
  for (const text of VECTORS.bad_controls) assert.throws(() => signals.parseControl(utf8(text)), code("bad-request"));
});

test("unknown fields are dropped and missing ones get their default", () => {
  assert.deepEqual(signals.parseSignal(utf8('{"newer":1,"type":"accept"}')), { type: "accept", suite: "A256GCM", held: 0 });
});

test("names are counted in characters, not in halves of them", () => {
  const hello = (name) => utf8(JSON.stringify({ type: "hello", receiver: "0".repeat(32), name, held: 0, suites: ["XC20P"] }));
  assert.equal(signals.parseSignal(hello("😀".repeat(255))).name.length, 510);
  assert.throws(() => signals.parseSignal(hello("😀".repeat(256))), code("bad-request"));
});
