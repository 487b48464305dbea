import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Controls } from "../../../src/burrowspace/web/core/frames.js";
import { encode, parseSignal } from "../../../src/burrowspace/web/core/signals.js";
import { ParallelStreams, MOST } from "../../../src/burrowspace/web/wire/links/parallel-streams.js";
import { Link } from "../../../src/burrowspace/web/wire/links/link.js";
import { channels } from "./channels.mjs";

/** Closes what a test has made. */
const ending = [];
afterEach(() => {
  for (const each of ending.splice(0)) each.close();
});

/** Every connection that was made. A description is the number of the one that it describes. */
const made = [];
globalThis.RTCPeerConnection = class {
  signalingState = "stable";
  iceGatheringState = "new";
  connectionState = "new";
  constructor() {
    this.number = made.push(this) - 1;
  }
  createDataChannel() {
    [this.channel, this.far] = channels();
    this.channel.readyState = this.far.readyState = "connecting";
    return this.channel;
  }
  createOffer = async () => ({ type: "offer", sdp: `${this.number}` });
  createAnswer = async () => ({ type: "answer", sdp: `${this.number}` });
  async setLocalDescription(own) {
    this.localDescription = own;
    if (own.type === "offer") this.signalingState = "have-local-offer";
    setImmediate(() => {
      this.iceGatheringState = "complete";
      this.onicegatheringstatechange?.();
    });
  }
  async setRemoteDescription({ type, sdp }) {
    if (type === "offer") return;
    this.signalingState = "stable";
    this.channel.readyState = this.far.readyState = "open";
    made[Number(sdp)].ondatachannel({ channel: this.far });
    setImmediate(() => this.channel.onopen());
  }
  close() {
    this.connectionState = "closed";
  }
};

const KEYS = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };
const PLAIN = 262144;

/** A link with its Furthers over a line that is `far` seconds there and back; `most`: what the sender's answer said. */
function ends({ far = 0.05, most = MOST } = {}) {
  made.length = 0;
  const pair = { state: "succeeded", type: "candidate-pair", nominated: true, currentRoundTripTime: far };
  const first = { getStats: async () => new Map([["pair", pair]]) };
  const [near, away] = channels();
  const receiver = new Link(near, Controls.ofClient(KEYS), "webrtc", "A256GCM");
  const sender = new Link(away, Controls.ofServer(KEYS), "webrtc", "A256GCM");
  near.deliver = (data) => receiver.feed(data);
  away.deliver = (data) => sender.feed(data);
  sender.batchFrom = 0;
  const ticket = { tag: new Uint8Array(16), key: new Uint8Array(32).fill(3) };
  const how = { first, how: {}, keys: KEYS };
  receiver.widening = new ParallelStreams({ ...how, link: receiver, ticket: { ...ticket, sender: false }, most });
  sender.widening = new ParallelStreams({ ...how, link: sender, ticket: { ...ticket, sender: true }, most: MOST });
  ending.push(receiver.widening, sender.widening);
  return { receiver, sender };
}

/** Turns of the loop in which everything that would happen happens. */
async function settled() {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

async function seal(position, count) {
  const sealed = new Uint8Array(count * (PLAIN + 28));
  for (let each = 0; each < count; each++) sealed.fill(position + each, each * (PLAIN + 28), (each + 1) * (PLAIN + 28));
  return sealed;
}

test("a long line gets four connections while the first one goes on, and all blocks come in order", async () => {
  const { receiver, sender } = ends();
  const got = [];
  let all;
  const whole = new Promise((resolve) => (all = resolve));
  sender.serve(seal);
  const take = async (position, sealed) => {
    assert.ok(sealed.every((byte) => byte === position));
    if (got.push(position) === 100) all();
    return position + 1;
  };
  receiver.pull(take, 0, 100);
  await whole;
  assert.deepEqual(got, Array.from({ length: 100 }, (_, at) => at));
  assert.deepEqual([receiver.streams, sender.streams, made.length], [4, 4, 6]);
  for (const { far } of made.filter((each) => each.far)) assert.ok(far.total > 8 * PLAIN, `${far.total}`);
  receiver.widening.close();
  assert.equal(made.filter((each) => each.connectionState === "closed").length, 3);
  receiver.close();
});

test("a short line, a small rest and an end that knows of no more keep one connection", async () => {
  for (const [how, left] of [[{ far: 0.019 }, 100], [{}, 63], [{ most: 1 }, 100]]) {
    const { receiver } = ends(how);
    receiver.pull(async () => 0, 0, left);
    await settled();
    assert.deepEqual([receiver.streams, made.length], [1, 0], JSON.stringify(how));
    receiver.close();
  }
});

test("what becomes known to be large later gets them then, and once", async () => {
  const { receiver } = ends();
  receiver.pull(async () => 0, 0, 1);
  await settled();
  assert.equal(made.length, 0);
  for (let each = 0; each < 3; each++) receiver.ends(1000);
  while (receiver.streams < 4) await new Promise(setImmediate);
  await settled();
  assert.deepEqual([receiver.streams, made.length], [4, 6]);
  receiver.close();
});

test("a sender answers each number once and none beyond, a receiver no offer, whatever the other end says", async () => {
  const { receiver, sender } = ends({ far: 0 });
  for (let each = 0; each < 100; each++) {
    receiver.send({ type: "stream", n: 1 + (each % 63), kind: "offer", sdp: "0" });
    sender.send({ type: "stream", n: 1 + (each % 63), kind: "offer", sdp: "0" });
    receiver.send({ type: "stream", n: 1 + (each % 63), kind: "answer", sdp: "0" });
  }
  const heard = [receiver, sender].map((end) => new Promise((resolve) => end.listen(resolve)));
  for (const end of [receiver, sender]) end.send({ type: "held", held: 1 });
  await Promise.all(heard);
  assert.equal(made.length, MOST - 1);
  assert.deepEqual([receiver.streams, sender.streams], [1, 1]);
  receiver.close();
});

test("a stranger in a further connection adds no stream, and the link goes on", async () => {
  const { receiver, sender } = ends();
  sender.widening.how.keys = { ...KEYS, client: new Uint8Array(32) }; // so it expects another tag
  sender.serve(seal);
  const got = [];
  receiver.pull(async (position) => got.push(position), 0, 80);
  while (got.length < 80) await new Promise(setImmediate);
  assert.deepEqual([receiver.streams, sender.streams], [1, 1]);
  assert.equal(made.filter((each) => each.connectionState === "closed").length, 3);
  receiver.close();
});

test("the answer says how many, and one is said by silence", () => {
  const text = (message) => new TextDecoder().decode(encode(message));
  const answer = { type: "sdp", kind: "answer", sdp: "x", relayed: false };
  assert.equal(text(answer), '{"type":"sdp","kind":"answer","sdp":"x","relayed":false}');
  assert.equal(text({ ...answer, connections: 1 }), text(answer));
  assert.equal(parseSignal(encode(answer)).connections, 1);
  assert.equal(parseSignal(encode({ ...answer, connections: 4 })).connections, 4);
});
