import assert from "node:assert/strict";
import { test } from "node:test";
import { Running } from "../../../src/burrowspace/web/wire/session/running.js";

const waiting = { event: "waiting", why: "over", receiver: "" };
const finished = { event: "finished" };

test("what a part says after the end is not told: the end is the last event", async () => {
  const told = [];
  class Short extends Running {
    async work() {
      this.tell(waiting);
      this.ends.addEventListener("abort", () => this.tell(waiting)); // a call that ended with it
      return finished;
    }
    async end() {
      this.tell(waiting);
    }
  }
  const running = new Short((event) => told.push(event)).begin();
  assert.equal(await running.done, finished);
  await new Promise(setImmediate);
  assert.ok(running.ends.aborted);
  assert.deepEqual(told, [waiting, finished]);
});
