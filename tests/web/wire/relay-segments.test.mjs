import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout } from "../../../src/burrowspace/web/core/layout.js";
import { RelaySegments } from "../../../src/burrowspace/web/wire/relay/relay-segments.js";

const LAYOUT = new Layout("A256GCM", 100, 3_000_000);

/** Segments at a server that answers every piece with `status`, and what comes of it. */
async function refusing(status, goesOn) {
  const told = { failed: [], refused: [], said: [], dropped: [], notStored: 0 };
  const server = {
    origin: "http://127.0.0.1:1",
    makeSpool: async () => ({ id: "a".repeat(32), token: "t" }),
    dropSpool: async (spool) => void told.dropped.push(spool.id),
  };
  const carry = {
    hold: async () => ({ id: 1, size: 100 }),
    drop: () => undefined,
    patch: async () => ({ status, headers: { "content-type": "application/json" }, text: '{"error":"full","code":"no-space"}' }),
  };
  let over = () => undefined;
  const ended = new Promise((resolve) => (over = resolve));
  const segments = new RelaySegments({
    server,
    layout: LAYOUT,
    carry: () => carry,
    fail: (error) => told.failed.push(error.message),
    refused: (error) => (told.refused.push(error.code), goesOn),
    changed: over,
    keep: () => undefined,
    ends: new AbortController().signal,
  });
  const segment = await segments.open(0, async (signal) => void told.said.push(signal.type), "rest");
  segment.followers.add({ book: { notStored: () => (told.notStored += 1) }, segment });
  await ended;
  return { told, segments };
}

for (const status of [401, 403, 413, 507]) {
  test(`a server that takes no more of a segment (${status}) does not end the transfer`, async () => {
    const { told, segments } = await refusing(status, true);
    assert.deepEqual([told.failed, told.refused, told.notStored], [[], ["broken"], 1]);
    assert.deepEqual(segments.all, []);
    assert.deepEqual(told.dropped, ["a".repeat(32)]);
    assert.deepEqual(told.said, ["leg", "leg-end"]);
  });
}

test("who only wants to leave it there keeps the segment as it is: the caller ends the transfer", async () => {
  const { told, segments } = await refusing(507, false);
  assert.deepEqual([told.failed, told.refused, told.notStored], [[], ["broken"], 0]);
  assert.equal(segments.all.length, 1);
});
