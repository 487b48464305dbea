import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, MEMORY_BYTES, MEMORY_SMALL_BYTES, REPORTED_MOST_BYTES } from "../../../src/burrowspace/web/store/choosing.js";

const GiB = 2 ** 30;
const CHROMIUM = { secure: true, opfs: true, room: REPORTED_MOST_BYTES, folder: true, file: true, worker: true, small: false };
const SAFARI = { secure: true, opfs: true, room: 40 * GiB, folder: false, file: false, worker: true, small: false };
const PRIVATE_FIREFOX = { secure: true, opfs: false, room: null, folder: false, file: false, worker: false, small: false };
const LAN = { secure: false, opfs: false, room: null, folder: false, file: false, worker: false, small: false };

test("what survives a reload comes first, what asks a question second, what holds it in memory last", () => {
  assert.deepEqual(choose(GiB, false, CHROMIUM).kinds, ["browser", "folder", "stream"]);
  assert.deepEqual(choose(GiB, true, CHROMIUM).kinds, ["browser", "file", "folder", "stream"]);
  assert.deepEqual(choose(GiB, true, SAFARI).kinds, ["browser", "stream"]);
  assert.deepEqual(choose(GiB / 4, true, LAN).kinds, ["memory"]);
});

test("what is larger than what Chromium says is free goes elsewhere, and there if the person wants it", () => {
  assert.deepEqual(choose(100 * GiB, false, CHROMIUM).kinds, ["folder", "stream", "browser"]);
  assert.deepEqual(choose(100 * GiB, false, { ...CHROMIUM, room: 9 * GiB }).kinds, ["folder", "stream"]);
  assert.deepEqual(choose(41 * GiB, false, SAFARI).kinds, ["stream"]);
});

test("a size that is not known is taken", () => {
  for (const here of [CHROMIUM, SAFARI, PRIVATE_FIREFOX, LAN]) assert.equal(choose(null, true, here).why, null);
});

test("what cannot be received here is refused before the first byte, with what to do instead", () => {
  assert.equal(choose(MEMORY_BYTES, true, LAN).why, null);
  assert.deepEqual(choose(MEMORY_BYTES + 1, true, LAN).why, { reason: "no-way-plain", size: MEMORY_BYTES + 1, limit: MEMORY_BYTES });
  assert.equal(choose(MEMORY_SMALL_BYTES + 1, true, { ...LAN, small: true }).why.limit, MEMORY_SMALL_BYTES);
  assert.deepEqual(choose(3 * GiB, true, PRIVATE_FIREFOX).why, { reason: "no-way-private", size: 3 * GiB, limit: MEMORY_BYTES });
  const margin = 64 * 2 ** 20;
  const room = { reason: "no-way-room", size: 41 * GiB, room: 40 * GiB - margin, free: GiB + margin };
  assert.deepEqual(choose(41 * GiB, true, { ...SAFARI, worker: false }).why, room);
});
