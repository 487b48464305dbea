import assert from "node:assert/strict";
import { test } from "node:test";
import { Announced, ahead, covered, rest, serving } from "../../../src/burrowspace/web/core/segments.js";
import { step } from "../../../src/burrowspace/web/core/sender-book.js";
import { SenderWords } from "../../../src/burrowspace/web/core/sender-words.js";
import { parseSignal } from "../../../src/burrowspace/web/core/signals.js";
import { held } from "./vectors.mjs";

const { announced, leavings, parts: lists, flows, sendings } = held("session");

for (const { name, looks, steps } of announced) {
  test(`announced, ${name}: known as the twin knows it`, () => {
    const known = new Announced();
    for (const [[what, ...values], follows] of steps) {
      known[what](...values);
      const found = looks.map((at) => [
        known.pick(at, false)?.spool ?? null,
        known.pick(at, true)?.spool ?? null,
        known.nothingLeft(at),
      ]);
      assert.deepEqual(found, follows, what);
    }
  });
}

for (const { name, steps, asked } of leavings) {
  test(`a segment, ${name}: left when the twin leaves it`, () => {
    const known = new Announced();
    known.begins("a", 0, "A256GCM", false);
    const segment = known.pick(0, false);
    for (const [what, ...values] of steps) known[what](...values);
    for (const [taken, own, still, leaves] of asked) {
      assert.equal(known.leaves(segment, taken, own, still), leaves, `${taken} ${own} ${still}`);
    }
  });
}

for (const { name, positions, parts, asked, rests } of lists) {
  test(`parts, ${name}: carried and covered as the twin says`, () => {
    for (const [position, serves, upto] of asked) {
      assert.deepEqual(["A256GCM", "XC20P"].map((suite) => serving(parts, position, suite)), serves, position);
      assert.equal(covered(parts, position, positions), upto, position);
    }
    for (const [own, at, how, which] of rests) assert.deepEqual(rest(parts, own, at, positions), [how, which]);
  });
}

for (const { name, flow, ahead: upto } of flows) {
  test(`a segment, ${name}: filled as far as the twin says`, () => assert.equal(ahead(flow), upto));
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
for (const { name, facts, step: expected } of sendings) {
  test(`sending, ${name}: the same step`, () => {
    const given = Object.fromEntries(Object.entries(facts).map(([key, value]) => [camel(key), value]));
    assert.equal(step(given), expected);
  });
}

for (const { name, steps } of held("session").sender_words) {
  test(`words of a sender, ${name}: they mean what the twin makes of them`, () => {
    const words = new SenderWords(100);
    for (const [[what, ...values], follows] of steps) {
      const said = parseSignal(new TextEncoder().encode(JSON.stringify(values.at(-1))));
      const acts = words[what](...values.slice(0, -1), said) ?? [];
      const [live, rest] = [false, true].map((resting) => words.announced.pick(0, resting)?.spool ?? null);
      const { offer, here, over, heardAt } = words;
      assert.deepEqual([acts, offer?.transfer ?? null, here, over, heardAt, live, rest], follows);
    }
  });
}
