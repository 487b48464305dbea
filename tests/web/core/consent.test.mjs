import assert from "node:assert/strict";
import { test } from "node:test";
import { Consent, Person } from "../../../src/burrowspace/web/core/consent.js";
import { held } from "./vectors.mjs";

const { consents, persons } = held("session");

for (const { name, blocks, window, positions, accepted, steps } of consents) {
  test(`consent, ${name}: decides as its twin does`, () => {
    const consent = new Consent(blocks, window, accepted);
    let here = 0;
    for (const [now, [what, value], follows] of steps) {
      /** @type {string[]} */ let acts = [];
      if (what === "here") here = value;
      else acts = what === "answer" ? consent.answer(value) : consent[what](now);
      const found = [acts, consent.stage, consent.limit(positions), consent.mayRequest(here, positions)];
      assert.deepEqual(found, follows, what);
    }
  });
}

for (const { name, blocks, steps } of persons) {
  test(`a person, ${name}: seen as the twin sees them`, () => {
    const person = new Person(blocks);
    for (const [[what, value], follows] of steps) {
      person[what](value);
      assert.deepEqual([person.stage, person.limit], follows, what);
    }
  });
}
