import assert from "node:assert/strict";
import { test } from "node:test";
import { reason, REASONS } from "../../../src/burrowspace/web/features/sender-notes.js";
import { held } from "../core/vectors.mjs";

test("the page has a sentence for each reason that a sender may give, and no other", () => {
  assert.deepEqual(Object.keys(REASONS).sort(), [...held("manifest").notes].sort());
});

test("a reason of a later version means that it was left out", () => {
  for (const why of ["later", "toString", "__proto__"]) assert.equal(reason({ path: "a", why, detail: "" }), "Not sent");
});
