import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChanges, parseWish } from "../../../src/burrowspace/web/core/changes.js";
import { parseTabMessage, sayError } from "../../../src/burrowspace/web/core/tab-messages.js";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { code } from "./vectors.mjs";

const [A, B] = ["0a".repeat(16), "0b".repeat(16)];
const wish = { mailboxes: { [A]: -1 }, nameplates: { 7: { token: "t", after: 0 } }, nearby: { [B]: { token: "s", version: 3 } } };
const changes = {
  mailboxes: { [A]: { messages: [{ number: 0, body: "aGk=" }], created_at: "then" }, [B]: null },
  nameplates: { 7: { claims: [{ number: 1, mailbox: A }] }, 8: null },
  nearby: { [B]: { version: 4, devices: [{ anything: 1 }] } },
};
const empty = { mailboxes: {}, nameplates: {}, nearby: {} };

test("what is said between tabs is read as it was said, and nothing beside it", () => {
  assert.deepEqual(parseWish({ ...wish, more: 1 }), wish);
  assert.deepEqual(parseChanges({ ...changes, more: 1 }), changes);
  const error = new BurrowError("refused", "no", { status: 429, said: "too-many", reason: "ailing", other: "secret" });
  for (const said of [
    { type: "leads", from: A, turn: 2 },
    { type: "leaves", from: A },
    { type: "ask", from: A, id: 1, wish, wait: 25 },
    { type: "cut", from: A, id: 1 },
    { type: "answer", from: A, to: B, id: 1, changes },
  ]) {
    assert.deepEqual(parseTabMessage(structuredClone({ ...said, more: 1 }), B), said);
  }
  const failed = parseTabMessage(structuredClone({ type: "failed", from: A, to: B, id: 1, error: sayError(error) }), B);
  assert.ok(failed.error instanceof BurrowError);
  assert.deepEqual({ ...failed.error, message: failed.error.message }, { ...error, fields: { status: 429, said: "too-many", reason: "ailing" }, message: "no" });
});

test("what cannot be one is none", () => {
  for (const bad of [
    null, 1, "leads", [], {}, { type: "leads" }, { type: "leads", from: "me", turn: 1 }, { type: "leads", from: A, turn: -1 },
    { type: "what", from: A, id: 1 }, { type: "cut", from: A, id: "1" }, { type: "ask", from: A, id: 1, wish, wait: 51 },
    { type: "ask", from: A, id: 1, wish, wait: NaN }, { type: "ask", from: A, id: 1, wish: empty, wait: 1 },
    { type: "ask", from: A, id: 1, wish: null, wait: 1 }, { type: "answer", from: A, id: 1, changes },
    { type: "answer", from: A, to: A, id: 1, changes }, { type: "leads", from: B, turn: 1 },
    { type: "answer", from: A, to: B, id: 1, changes: { ...changes, nearby: [] } }, { type: "failed", from: A, to: B, id: 1 },
    { type: "failed", from: A, to: B, id: 1, error: { code: "No!", sentence: "x" } },
  ]) {
    assert.equal(parseTabMessage(bad, B), null, JSON.stringify(bad));
  }
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [at.toString(16).padStart(32, "0"), -1]));
  for (const bad of [
    { ...wish, mailboxes: many }, { ...wish, mailboxes: { short: -1 } }, { ...wish, mailboxes: { [A]: 0.5 } },
    { ...wish, mailboxes: { [A]: -2 } }, { ...wish, nameplates: { 0: { token: "t", after: 0 } } },
    { ...wish, nearby: Object.fromEntries(Object.keys(many).slice(0, 5).map((id) => [id, { token: "s", version: 0 }])) },
    { ...wish, nameplates: { 7: { after: 0 } } }, { ...wish, nearby: { [B]: { token: "x".repeat(257), version: 0 } } },
  ]) {
    assert.throws(() => parseWish(bad), code("bad-request"), JSON.stringify(bad));
  }
  for (const bad of [
    { ...changes, mailboxes: { [A]: {} } }, { ...changes, mailboxes: { [A]: { messages: [{ number: 0 }], created_at: "then" } } },
    { ...changes, nameplates: { 7: { claims: [{ number: 1, mailbox: "no" }] } } }, { ...changes, nearby: { [B]: { version: "x" } } },
  ]) {
    assert.throws(() => parseChanges(bad), code("bad-request"), JSON.stringify(bad));
  }
});
