import assert from "node:assert/strict";
import { test } from "node:test";
import { Silence } from "../../../src/burrowspace/web/core/silence.js";
import { held } from "./vectors.mjs";

for (const { name, steps } of held("session").silences) {
  test(`silence, ${name}: asked and given up as the twin does`, () => {
    const silence = new Silence(100);
    for (const [now, heardAt, wanted, follows] of steps) {
      assert.deepEqual([silence.tick(now, heardAt, wanted), silence.warned], follows, String(now));
    }
  });
}
