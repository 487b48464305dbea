import assert from "node:assert/strict";
import { test } from "node:test";
import * as rules from "../../../src/burrowspace/web/core/meeting-rules.js";
import { held } from "./vectors.mjs";

const VECTORS = held("meeting_rules");

test("a meeting ends as the vectors say", () => {
  for (const [stand, event, next] of VECTORS.after) assert.equal(rules.after(stand, event), next, `${stand} ${event}`);
  for (const [stand, event] of VECTORS.impossible) assert.throws(() => rules.after(stand, event), `${stand} ${event}`);
  assert.throws(() => rules.after("done", "made-up"));
});

test("codes follow each other, and meetings give way, as the vectors say", () => {
  assert.deepEqual(VECTORS.words_for.map((_, burns) => rules.wordsFor(burns)), VECTORS.words_for);
  assert.deepEqual(VECTORS.words_for_several.map((_, burns) => rules.wordsFor(burns, true)), VECTORS.words_for_several);
  assert.equal(rules.NEXT_WORDS, VECTORS.next_words);
  assert.equal(rules.LIVE_MOST, VECTORS.live_most);
  for (const { live, which } of VECTORS.gives_way) {
    assert.equal(rules.givesWay(live.map(([stand, heard]) => ({ stand, heard }))), which);
  }
});
