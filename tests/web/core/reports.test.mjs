import assert from "node:assert/strict";
import { test } from "node:test";
import { ToPerson, ToSender } from "../../../src/burrowspace/web/core/reports.js";
import { held } from "./vectors.mjs";

const { to_senders: toSenders, to_persons: toPersons } = held("session");

for (const { name, began, steps } of toSenders) {
  test(`to the sender, ${name}: said as the twin says it`, () => {
    const said = new ToSender(began);
    for (const [event, expected] of steps) {
      if (event[0] === "arrived") said.arrived();
      else assert.equal(said.tick(...event), expected, event);
    }
  });
}

for (const { name, steps } of toPersons) {
  test(`to the person, ${name}: told as the twin tells it`, () => {
    const seen = new ToPerson();
    for (const [event, expected] of steps) {
      if (typeof event === "boolean") seen.looked(event);
      else {
        const { moved_at: movedAt, idle_since: idleSince, sender_here: senderHere, nothing_left: nothingLeft, ...rest } = event;
        assert.deepEqual(seen.tick({ ...rest, movedAt, idleSince, senderHere, nothingLeft }), expected, event.now);
      }
    }
  });
}
