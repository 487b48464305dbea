import assert from "node:assert/strict";
import { test } from "node:test";
import { Meter, Storing, ToPerson, ToSender } from "../../../src/burrowspace/web/core/reports.js";
import { REASONS } from "../../../src/burrowspace/web/core/reasons.js";
import { Silence } from "../../../src/burrowspace/web/core/silence.js";
import { held } from "./vectors.mjs";

const { to_senders: toSenders, to_persons: toPersons, storings, meters } = held("session");

for (const { name, steps } of toSenders) {
  test(`to the sender, ${name}: said as the twin says it`, () => {
    const said = new ToSender();
    for (const [event, expected] of steps) {
      if (event[0] === "arrived") said.arrived();
      else assert.equal(said.tick(...event), expected, event);
    }
  });
}

for (const { name, stdin, steps } of toPersons) {
  test(`to the person, ${name}: told as the twin tells it`, () => {
    const seen = new ToPerson(stdin ? new Silence(100) : null);
    for (const [event, expected] of steps) {
      if (typeof event === "boolean") seen.looked(event);
      else {
        const { moved_at: movedAt, idle_since: idleSince, sender_here: senderHere, nothing_left: nothingLeft, heard_at: heardAt, ...rest } = event;
        const told = seen.tick({ ...rest, movedAt, idleSince, senderHere, nothingLeft, heardAt });
        const said = told && [told[0], told[1] ? REASONS[told[1]] : ""]; // the twin has the sentence
        assert.deepEqual(said, expected, event.now);
      }
    }
  });
}

test("what goes to rest is told as the twin tells it", () => {
  const seen = new Storing();
  for (const [now, safeAt, stored, follows] of storings) {
    assert.deepEqual([seen.tick(now, safeAt, stored), seen.stored], follows, String(now));
  }
});

test("the rate is the twin's", () => {
  const meter = new Meter();
  for (const [now, done, total, follows] of meters) assert.deepEqual(meter.add(now, done, total), follows, String(now));
});
