import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { outside } from "../../../src/burrowspace/web/core/outside.js";
import { Reach } from "../../../src/burrowspace/web/wire/links/reach.js";
import { seconds } from "../../../src/burrowspace/web/wire/runtime.js";

/** What the last RTCPeerConnection was made with. It finds no way to anybody. */
let made = null;
globalThis.RTCPeerConnection = class {
  constructor(configuration) {
    made = configuration;
  }
  createDataChannel() {
    return {};
  }
  async createOffer() {
    throw new Error("no network here");
  }
  async setRemoteDescription() {
    throw new Error("no network here");
  }
  close() {}
};

const hello = (credential, ice_ttl_s) => ({
  ice_servers: [{ urls: ["stun:a:1"] }, { urls: ["turn:a:1"], username: "1:x", credential }],
  ice_ttl_s,
});

/** Ends what a test has begun. */
const ending = [];
afterEach(() => {
  for (const each of ending.splice(0)) each.close();
});

function reach(first, renew, sender = false) {
  const ticket = { tag: new Uint8Array(16), key: new Uint8Array(32), sender };
  const around = outside(first, seconds());
  const end = new Reach({ ticket, options: {}, around, renew, suite: "A256GCM", batchFrom: 0, say: async () => {}, add: () => {} });
  ending.push(end);
  return end;
}

const credential = () => made.iceServers[1].credential;

test("credentials that are about to end are renewed before an attempt, others are not", async () => {
  let asked = 0;
  const renew = async () => outside(hello(`new ${++asked}`, 600), seconds());
  const soon = reach(hello("old", 59), renew);
  assert.deepEqual(soon.possible, ["relay", "store", "webrtc", "turn"]);
  await assert.rejects(soon.make("turn"));
  assert.equal(credential(), "new 1");
  await assert.rejects(soon.make("webrtc"));
  assert.equal(asked, 1);
  await assert.rejects(reach(hello("lasting", 600), renew).make("turn"));
  assert.equal(credential(), "lasting");
  await assert.rejects(reach(hello("for good", undefined), renew).make("turn"));
  assert.equal(credential(), "for good");
  assert.equal(asked, 1);
});

test("where they cannot be renewed, the attempt is made with what there is", async () => {
  const away = async () => {
    throw new Error("away");
  };
  await assert.rejects(reach(hello("old", 1), away).make("turn"));
  assert.equal(credential(), "old");
});

test("TURN's servers are asked for a turn link alone", async () => {
  const end = reach(hello("it", 600), async () => assert.fail());
  await assert.rejects(end.make("webrtc"));
  assert.deepEqual(made.iceServers, [{ urls: ["stun:a:1"] }]);
  await assert.rejects(end.make("turn"));
  assert.deepEqual([made.iceServers.length, made.iceTransportPolicy], [2, "relay"]);
  const sender = reach(hello("it", 600), async () => assert.fail(), true);
  for (const [relayed, servers] of [[true, 2], [false, 1]]) {
    made = null;
    await new Promise((done) => {
      const answering = reach(hello("it", 600), async () => assert.fail(), true);
      answering.heard({ type: "sdp", kind: "offer", sdp: "", relayed });
      setImmediate(done);
    });
    assert.deepEqual([made.iceServers.length, made.iceTransportPolicy], [servers, "all"]);
  }
  sender.how.options = { directOnly: true };
  made = null;
  sender.heard({ type: "sdp", kind: "offer", sdp: "", relayed: true });
  await new Promise(setImmediate);
  assert.equal(made, null);
});

test("who answers an offer renews them too", async () => {
  made = null;
  let end;
  await new Promise((done) => {
    const renew = async () => (setImmediate(done), outside(hello("new", 600), seconds()));
    end = reach(hello("old", 1), renew, true);
    end.heard({ type: "sdp", kind: "offer", sdp: "", relayed: true });
  });
  assert.equal(credential(), "new");
});
