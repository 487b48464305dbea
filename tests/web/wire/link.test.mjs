import assert from "node:assert/strict";
import { test } from "node:test";
import { Controls } from "../../../src/burrowspace/web/core/frames.js";
import { Layout } from "../../../src/burrowspace/web/core/layout.js";
import { SUITES } from "../../../src/burrowspace/web/core/sealing.js";
import { Link } from "../../../src/burrowspace/web/wire/link.js";
import { HIGH, MESSAGE } from "../../../src/burrowspace/web/wire/stream.js";

/** Two ends of a data channel that delivers in order, later, and fills up as a real one does. */
function channels() {
  class End extends EventTarget {
    readyState = "open";
    bufferedAmount = 0;
    bufferedAmountLowThreshold = 0;
    most = 0;
    send(message) {
      assert.equal(this.readyState, "open");
      assert.ok(message.byteLength <= MESSAGE, "no message is too long");
      this.bufferedAmount += message.byteLength;
      this.most = Math.max(this.most, this.bufferedAmount);
      const copy = message.slice();
      setImmediate(() => {
        this.bufferedAmount -= copy.byteLength;
        this.other.deliver?.(copy);
        if (this.bufferedAmount <= this.bufferedAmountLowThreshold) this.dispatchEvent(new Event("bufferedamountlow"));
      });
    }
    close() {
      if (this.readyState === "closed") return;
      this.readyState = "closed";
      setImmediate(() => {
        this.dispatchEvent(new Event("close"));
        this.other.close();
      });
    }
  }
  const ends = [new End(), new End()];
  [ends[0].other, ends[1].other] = [ends[1], ends[0]];
  return ends;
}

const KEYS = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };
const LAYOUT = new Layout("A256GCM", 300_000, 60 * 262144 + 9);

function pair() {
  const [near, far] = channels();
  const receiver = new Link(near, Controls.ofClient(KEYS), "webrtc", "A256GCM");
  const sender = new Link(far, Controls.ofServer(KEYS), "webrtc", "A256GCM");
  sender.batchFrom = LAYOUT.manifestBlocks;
  near.deliver = (data) => receiver.feed(data);
  far.deliver = (data) => sender.feed(data);
  return { receiver, sender, near, far };
}

const size = (position) => LAYOUT.plainSize(position) + SUITES.A256GCM.overhead;

/** Blocks whose every byte is their position. */
async function seal(position, count) {
  const parts = [];
  for (let each = position; each < Math.min(position + count, LAYOUT.positions); each++) {
    parts.push(new Uint8Array(size(each)).fill(each));
  }
  return Uint8Array.from(Buffer.concat(parts));
}

function taking(receiver) {
  const got = [];
  const done = Promise.withResolvers?.() ?? {};
  done.promise ??= new Promise((resolve) => (done.resolve = resolve));
  const take = async (position, sealed) => {
    assert.equal(sealed.length, size(position));
    assert.ok(sealed.every((byte) => byte === position));
    assert.ok(receiver.outstanding <= 32);
    got.push(position);
    if (position === LAYOUT.positions - 1) done.resolve();
    return position + 1;
  };
  return { got, take, done: done.promise };
}

test("every block comes once and in order, within the credit, and no more waits in the channel than may", async () => {
  const { receiver, sender, far } = pair();
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  receiver.pull(take, 0, LAYOUT.positions);
  await done;
  assert.deepEqual(got, Array.from({ length: LAYOUT.positions }, (_, at) => at));
  assert.ok(far.most <= HIGH + MESSAGE);
  receiver.close();
  await sender.closed;
});

test("a stop and a pull from elsewhere: what was on its way may come, and what is asked comes", async () => {
  const { receiver, sender } = pair();
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  let stopped = false;
  const first = async (position, sealed) => {
    const held = await take(position, sealed);
    if (position === 9 && !stopped) {
      stopped = true;
      receiver.stop();
      setTimeout(() => receiver.pull(take, held, LAYOUT.positions), 50);
    }
    return held;
  };
  receiver.pull(first, 0, LAYOUT.positions);
  await done;
  assert.deepEqual([...new Set(got)].sort((a, b) => a - b), Array.from({ length: LAYOUT.positions }, (_, at) => at));
  receiver.close();
});

test("words go both ways in order, and the end tells why", async () => {
  const { receiver, sender } = pair();
  const heard = [];
  sender.listen((control) => heard.push(control));
  receiver.send({ type: "held", held: 3 });
  receiver.send({ type: "verified", digest: "0".repeat(64) });
  while (heard.length < 2) await new Promise(setImmediate);
  assert.deepEqual(heard.map((each) => each.type), ["held", "verified"]);
  receiver.close("enough");
  assert.equal((await receiver.closed).sentence, "enough");
  assert.equal((await sender.closed).code, "broken");
});

test("a block that was not asked for ends the link; so does a want beyond the credit", async () => {
  const one = pair();
  one.receiver.pull(async () => 0, 0, 1);
  one.sender.serve(async () => new Uint8Array(size(5)));
  const frame = new Uint8Array(13 + 40);
  new DataView(frame.buffer).setUint32(0, 9 + 40);
  frame[4] = 1;
  frame[12] = 5;
  one.receiver.feed(frame);
  assert.equal((await one.receiver.closed).code, "bad-request");
  const two = pair();
  two.receiver.send({ type: "want", from: 0, upto: 33 });
  assert.equal((await two.sender.closed).code, "bad-request");
  two.receiver.close();
});

test("a take that fails ends the link with its reason", async () => {
  const { receiver, sender } = pair();
  sender.serve(seal);
  receiver.pull(async () => Promise.reject(new TypeError("no room")), 0, 5);
  assert.equal((await receiver.closed).sentence, "no room");
});
