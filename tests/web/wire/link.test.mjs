import assert from "node:assert/strict";
import { test } from "node:test";
import { Controls } from "../../../src/burrowspace/web/core/frames.js";
import { Layout } from "../../../src/burrowspace/web/core/layout.js";
import { SUITES } from "../../../src/burrowspace/web/core/sealing.js";
import { Link } from "../../../src/burrowspace/web/wire/links/link.js";
import { HIGH, MESSAGE } from "../../../src/burrowspace/web/wire/links/stream.js";
import { channels } from "./channels.mjs";

const KEYS = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };
const LAYOUT = new Layout("A256GCM", 300_000, 60 * 262144 + 9);

/** Two ends of a link; `more` further channels, whose ends are in `others`. */
function pair(more = 0) {
  const [near, far] = channels();
  const receiver = new Link(near, Controls.ofClient(KEYS), "webrtc", "A256GCM");
  const sender = new Link(far, Controls.ofServer(KEYS), "webrtc", "A256GCM");
  sender.batchFrom = LAYOUT.manifestBlocks;
  near.deliver = (data) => receiver.feed(data);
  far.deliver = (data) => sender.feed(data);
  const others = [];
  const widen = () => {
    const ends = channels();
    const streams = [
      receiver.addStream(ends[0], Controls.ofClient(KEYS)),
      sender.addStream(ends[1], Controls.ofServer(KEYS)),
    ];
    for (const at of [0, 1]) ends[at].deliver = (data) => streams[at].feed(data);
    others.push(ends);
  };
  for (let each = 0; each < more; each++) widen();
  return { receiver, sender, near, far, others, widen };
}

const ALL = Array.from({ length: LAYOUT.positions }, (_, at) => at);
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
  assert.deepEqual(got, ALL);
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
  assert.deepEqual([...new Set(got)].sort((a, b) => a - b), ALL);
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

/** The bytes of a block frame that is all zeros. */
function zeros(position) {
  const frame = new Uint8Array(13 + size(position));
  new DataView(frame.buffer).setUint32(0, 9 + size(position));
  frame[4] = 1;
  frame[12] = position;
  return frame;
}

test("over four channels every block comes once and in order, each carries its share, the credit is one", async () => {
  const { receiver, sender, far, others } = pair(3);
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  receiver.pull(take, 0, LAYOUT.positions);
  await done;
  assert.deepEqual(got, ALL);
  for (const end of [far, ...others.map(([, each]) => each)]) {
    assert.ok(end.total > 8 * size(3) && end.most <= HIGH + MESSAGE, `${end.total}`);
  }
  receiver.close();
  await sender.closed;
  assert.ok(others.flat().every((each) => each.readyState === "closed"));
});

test("a channel that is far slower delays, and what came before its turn waits within the credit", async () => {
  const { receiver, sender, others } = pair(1);
  others[0][1].lag = 20; // turns of the loop for each message
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  let held = 0;
  let furthest = 0;
  const plain = seal;
  sender.serve(async (position, count) => {
    furthest = Math.max(furthest, position + count - held);
    return plain(position, count);
  });
  receiver.pull(async (...block) => (held = await take(...block)), 0, LAYOUT.positions);
  await done;
  assert.deepEqual(got, ALL);
  assert.ok(furthest <= 32 + 4, `${furthest} blocks beyond what is held`);
  receiver.close();
});

test("a channel that joins while blocks are under way takes its part", async () => {
  const { receiver, sender, others, widen } = pair();
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  receiver.pull(
    async (position, sealed) => {
      if (position === 5) widen();
      return take(position, sealed);
    },
    0,
    LAYOUT.positions,
  );
  await done;
  assert.deepEqual(got, ALL);
  assert.ok(others[0][1].total > 8 * size(3));
  receiver.close();
});

test("a stop and a pull over several channels lose nothing", async () => {
  const { receiver, sender, others } = pair(2);
  others[0][1].lag = 5;
  sender.serve(seal);
  const { got, take, done } = taking(receiver);
  let stops = 0;
  const hesitant = async (position, sealed) => {
    const held = await take(position, sealed);
    if (position % 20 === 9 && stops < 3) {
      stops += 1;
      receiver.stop();
      setTimeout(() => receiver.pull(hesitant, Math.max(...got) + 1, LAYOUT.positions), stops === 2 ? 0 : 20);
    }
    return held;
  };
  receiver.pull(hesitant, 0, LAYOUT.positions);
  await done;
  assert.ok(stops === 3);
  assert.deepEqual([...new Set(got)].sort((a, b) => a - b), ALL);
  receiver.close();
});

test("a block that was asked of another channel, or of none, ends the whole link; so does one that breaks", async () => {
  for (const attack of ["elsewhere", "beyond", "break"]) {
    const { receiver, sender, others } = pair(1);
    receiver.pull(async () => 0, 0, LAYOUT.positions); // 0 to 3 of the first, 4 to 7 of the second
    while (!others[0][0].total) await new Promise(setImmediate); // it has asked
    if (attack === "break") others[0][1].close();
    else others[0][0].deliver(zeros(attack === "beyond" ? 40 : 1));
    const { code } = await receiver.closed;
    if (attack !== "break") assert.equal(code, "bad-request");
    await sender.closed;
    assert.ok(others[0].every((each) => each.readyState === "closed"));
  }
});
