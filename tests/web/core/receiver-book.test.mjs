import assert from "node:assert/strict";
import { test } from "node:test";
import { LIFE, ReceiverBook, Runs, SILENT } from "../../../src/burrowspace/web/core/receiver-book.js";
import { held } from "./vectors.mjs";

const { lives, positions, runs: heard } = held("session");
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

for (const { name, blocks, held, may_store: mayStore, alone, steps } of lives) {
  test(`one receiver, ${name}: treated as the twin treats it`, () => {
    const book = new ReceiverBook(blocks, held, 100, mayStore, alone);
    for (const [now, [what, ...values], follows] of steps) {
      const acts = book[camel(what)](...values) ?? [];
      assert.deepEqual([acts, book.stage(now), book.held, book.person.limit], follows, `${now} ${what}`);
    }
  });
}

for (const { name, part, following, held, position } of positions) {
  test(`one receiver, segment ${name}, ${following ? "read" : "not read"}: as far as the twin says`, () => {
    const book = new ReceiverBook(1, held, 100);
    book.looked(100, following, false);
    assert.equal(book.position(part), position);
  });
}

for (const { name, steps } of heard) {
  test(`runs, ${name}: heard as the twin hears them`, () => {
    const runs = new Runs("one");
    for (const [[what, ...values], follows] of steps) assert.deepEqual(runs[what](...values), follows);
  });
}

test("the walks reach every stage and every rule", () => {
  const reached = lives.flatMap(({ steps }) => steps.map(([, , [, stage]]) => stage));
  assert.deepEqual(new Set(reached), new Set(LIFE.map(([stage]) => stage)));
  const answers = lives.flatMap(({ steps }) => steps.filter(([, [what]]) => what === "reached").map(([, , [acts]]) => acts[0] ?? null));
  assert.deepEqual(new Set(answers), new Set(SILENT.map(([act]) => act)));
});
