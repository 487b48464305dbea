import assert from "node:assert/strict";
import { test } from "node:test";
import { LIFE, ReceiverBook, SILENT } from "../../../src/burrowspace/web/core/receiver-book.js";
import { Runs, ReceiverWords } from "../../../src/burrowspace/web/core/receiver-words.js";
import { parseControl, parseSignal } from "../../../src/burrowspace/web/core/signals.js";
import { held } from "./vectors.mjs";

const { lives, positions, runs: heard, words: walks } = held("session");
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

const bytes = (said) => new TextEncoder().encode(JSON.stringify(said));

/** What the words make of an event, as the vectors write it. */
function say(words, [what, ...values]) {
  if (what === "recalls") return words.recalls(values[0].map((each) => parseSignal(bytes(each))));
  if (what === "compared") return words.compared(values[0]);
  if (what === "controls") return words.controls(values[0], parseControl(bytes(values[1])));
  const [now, run, said, ...more] = values;
  return words[what](now, run, parseSignal(bytes(said)), ...more);
}

for (const { name, direct_only: directOnly, alone, steps } of walks) {
  test(`words, ${name}: they mean what the twin makes of them`, () => {
    const book = new ReceiverBook(1, 0, 100, true, alone);
    const words = new ReceiverWords(book, "one", directOnly);
    for (const [event, follows] of steps) {
      const said = say(words, event);
      if (event[0] === "hello") {
        assert.deepEqual([said[0], said[1].map(({ type }) => type)], [follows[0][0], follows[0][1].map(({ type }) => type)]);
      } else assert.deepEqual(said, follows[0], JSON.stringify(event));
      assert.deepEqual([words.asked, words.digest, words.why, book.held, book.stage(110)], follows.slice(1), JSON.stringify(event));
    }
  });
}
