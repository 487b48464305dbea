import assert from "node:assert/strict";
import { test } from "node:test";
import { PathBook } from "../../../src/burrowspace/web/core/path-book.js";
import { held } from "./vectors.mjs";

for (const [number, walk] of held("paths").walks.entries()) {
  test(`walk ${number}: the book decides as its twin does`, () => {
    const book = new PathBook(walk.began, walk.options, walk.possible);
    for (const [at, [now, [what, ...values], decided, times]] of walk.steps.entries()) {
      if (what === "up" || what === "failed") book[what](values[0], now);
      else if (what === "announced") book.announced(values[0], now, values[1], values[2]);
      else if (what === "carried") book.carried(values[0], values[1], now);
      else if (what === "senderCame" || what === "pauses") book[what](now);
      else book[what](values[0]);
      const { use, why, start, stop, askRelay, penalise, again } = book.decide(now);
      const found = [use, why, start, stop, askRelay, penalise, Math.round(again * 1e6) / 1e6];
      assert.deepEqual(found, decided, `step ${at}`);
      assert.deepEqual([book.movedAt, book.idleSince], times, `step ${at}`);
    }
  });
}
