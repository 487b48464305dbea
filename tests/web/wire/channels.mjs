import assert from "node:assert/strict";
import { MESSAGE } from "../../../src/burrowspace/web/wire/links/stream.js";

/**
 * Two ends of a data channel that delivers in order, later, and fills up as a real one does. `deliver` takes what comes,
 * else `onmessage` does; `lag`: turns of the loop that a message takes; `most`, `total`: bytes that waited, that went.
 */
export function channels() {
  class End extends EventTarget {
    readyState = "open";
    bufferedAmount = 0;
    bufferedAmountLowThreshold = 0;
    most = 0;
    total = 0;
    lag = 1;
    /** @type {Promise<void>} */ going = Promise.resolve();
    send(message) {
      assert.equal(this.readyState, "open");
      assert.ok(message.byteLength <= MESSAGE, "no message is too long");
      this.bufferedAmount += message.byteLength;
      this.most = Math.max(this.most, this.bufferedAmount);
      const copy = message.slice();
      this.going = this.going.then(async () => {
        for (let turn = 0; turn < this.lag; turn++) await new Promise(setImmediate);
        this.bufferedAmount -= copy.byteLength;
        this.total += copy.byteLength;
        if (this.other.deliver) this.other.deliver(copy);
        else this.other.onmessage?.({ data: copy.buffer });
        if (this.bufferedAmount <= this.bufferedAmountLowThreshold) this.dispatchEvent(new Event("bufferedamountlow"));
      });
    }
    close() {
      if (this.readyState === "closed") return;
      this.readyState = "closed";
      this.going.then(() => setImmediate(() => {
        this.dispatchEvent(new Event("close"));
        this.other.close();
      }));
    }
  }
  const ends = [new End(), new End()];
  [ends[0].other, ends[1].other] = [ends[1], ends[0]];
  return ends;
}
