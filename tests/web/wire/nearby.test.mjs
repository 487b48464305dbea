import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, unbase64 } from "../../../src/burrowspace/web/core/bytes.js";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { parseDevices } from "../../../src/burrowspace/web/core/nearby-devices.js";
import { Nearby } from "../../../src/burrowspace/web/wire/rendezvous/nearby.js";
import { code } from "../core/vectors.mjs";

const KEY = base64(new Uint8Array(32).fill(9));
const other = { handle: "ab".repeat(16), name: "phone", kind: "phone", picture: 7, public: KEY };

/** A server whose answers about who is nearby the test gives, one for each request: `next()` is the next that came. */
function scripted(features = ["nearby"]) {
  const came = [];
  const wanted = [];
  const boxes = new Map();
  const request = (what, here, said, signal) =>
    new Promise((resolve, reject) => {
      const made = { what, here, said, answer: resolve, fail: reject };
      signal?.addEventListener("abort", () => reject(signal.reason));
      const want = wanted.shift();
      if (want) want(made);
      else came.push(made);
    });
  const server = {
    left: [],
    hello: async () => ({ features }),
    announce: (here, card, signal) => request("announce", here, card, signal),
    nearby: (here, version, wait, signal) => request(wait ? "nearby" : "still here", here, version, signal),
    unannounce: async (here, stay) => void server.left.push([here.handle, stay]),
    knock: async (here, to, message) => void boxes.get(to).push(message),
    news: (mailbox, after, wait, signal) => {
      const messages = boxes.get(mailbox).map((body, number) => ({ number, body })).slice(after + 1);
      if (messages.length) return Promise.resolve({ messages, made: "then" });
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
    trimMailbox: async () => undefined,
  };
  const next = () => (came.length ? Promise.resolve(came.shift()) : new Promise((resolve) => wanted.push(resolve)));
  return { server, next, boxes, came };
}

test("it says that it is here, follows who else is, and says it again when it had run out", async () => {
  const { server, next } = scripted();
  const lists = [];
  const kept = [];
  const over = new AbortController();
  const changed = (devices) => lists.push(devices.map(({ name }) => name));
  const nearby = new Nearby({ server, kind: "desktop", changed, keep: (state) => void kept.push(state) });
  const running = nearby.run(over.signal);
  const first = await next();
  assert.equal(first.what, "announce");
  assert.deepEqual(Object.keys(first.said), ["name", "kind", "picture", "public", "inbox"]);
  assert.match(first.said.name, /^[A-Z][a-z]+ [A-Z][a-z]+$/);
  assert.deepEqual([kept[0].handle, kept[0].inbox], [first.here.handle, first.said.inbox]);
  first.answer({ version: 3, devices: [other, { ...other, handle: first.here.handle }] });
  const second = await next();
  assert.deepEqual([second.what, second.said], ["nearby", 3]);
  second.answer({ version: 4, devices: [] });
  (await next()).fail(new BurrowError("missing", "it ran out"));
  const again = await next();
  assert.deepEqual([again.what, again.said, again.here], ["announce", first.said, first.here]);
  again.answer({ version: 0, devices: [other] });
  await next();
  assert.deepEqual(lists, [["phone"], [], ["phone"]]);
  over.abort();
  await running;
  assert.deepEqual(nearby.devices, []);

  const reloaded = new Nearby({ server, kind: "desktop", state: kept.at(-1) });
  const end = new AbortController();
  const more = reloaded.run(end.signal);
  assert.deepEqual((await next()).said, first.said);
  end.abort();
  await more;
});

test("a hidden page says once that it is still here, and one that goes says so; both come back by saying that they are here", async () => {
  const { server, next, came } = scripted();
  const over = new AbortController();
  const nearby = new Nearby({ server, kind: "phone" });
  const running = nearby.run(over.signal);
  (await next()).answer({ version: 1, devices: [] });
  await next();
  nearby.pause();
  nearby.pause();
  const still = await next();
  assert.deepEqual([still.what, still.said], ["still here", 1]);
  still.fail(new BurrowError("unreachable", "it has no network any more"));
  await new Promise(setImmediate);
  assert.equal(came.length, 0);
  nearby.resume();
  const back = await next();
  assert.equal(back.what, "announce");
  nearby.leave();
  nearby.pause(); // a page that goes is hidden, too
  await new Promise(setImmediate);
  assert.equal(came.length, 0);
  assert.deepEqual(server.left, [[back.here.handle, 4]]);
  nearby.resume();
  (await next()).answer({ version: 2, devices: [] });
  await next();
  await nearby.setName(" Ann's\u202e phone ");
  assert.equal((await next()).said.name, "Ann's\ufffd phone");
  over.abort();
  await running;
});

test("a server that has no such thing is asked for nothing, and nobody hears of it", async () => {
  const { server, came } = scripted(["mailboxes"]);
  const nearby = new Nearby({ server, kind: "phone", keep: () => assert.fail("nothing is kept") });
  const ends = new AbortController().signal;
  await nearby.run(ends);
  for await (const each of nearby.invitations(ends)) assert.fail(each.name);
  nearby.leave();
  assert.deepEqual([nearby.supported, came.length, server.left], [false, 0, []]);
});

test("a knock is opened by the device that it is for; a stranger's bytes are passed over, and each is told once", async () => {
  const { server, next, boxes } = scripted();
  const over = new AbortController();
  let kept = null;
  const nearby = new Nearby({ server, kind: "phone", keep: (state) => void (kept = state) });
  const running = nearby.run(over.signal);
  const { here, said } = await next();
  const inbox = [new Uint8Array(5000), new Uint8Array(100)];
  boxes.set(here.handle, inbox).set(said.inbox, inbox);
  const knocking = new Nearby({ server, kind: "desktop" });
  const device = { ...other, handle: here.handle, public: said.public };
  await knocking.knock({ ...device, handle: here.handle }, new Uint8Array(32).fill(1), "holiday\u202e");
  await knocking.knock(device, new Uint8Array(32).fill(2), "more");
  const heard = nearby.invitations(over.signal);
  const first = (await heard.next()).value;
  assert.deepEqual([first.name, first.secret[0]], ["holiday\ufffd", 1]);
  assert.equal((await heard.next()).value.secret[0], 2);
  const reloaded = new Nearby({ server, kind: "phone", state: kept });
  const end = new AbortController();
  const more = reloaded.run(end.signal);
  assert.equal((await reloaded.invitations(end.signal).next()).value.secret[0], 2); // it was told, and not yet dealt with
  await assert.rejects(knocking.knock({ ...device, public: base64(new Uint8Array(32)) }, first.secret), code("bad-request"));
  over.abort();
  end.abort();
  await Promise.all([running, more]);
});

test("what other devices say of themselves is cleaned or left out", () => {
  const own = "00".repeat(16);
  assert.deepEqual(parseDevices("x", own), []);
  const bad = [null, 7, {}, { ...other, handle: "../x" }, { ...other, handle: own }, { ...other, name: 7 }];
  bad.push({ ...other, public: KEY.slice(4) }, { ...other, public: `${KEY.slice(0, -2)}==` }, { ...other, public: [KEY] });
  assert.deepEqual(parseDevices(bad, own), []);
  const odd = { ...other, name: `<b>\u202e${"x".repeat(500)}`, kind: "<script>", picture: 1e9, more: 1 };
  const [found] = parseDevices([odd], own);
  assert.deepEqual([found.kind, found.picture, [...found.name].length], ["other", 0, 64]);
  assert.deepEqual(Object.keys(found), Object.keys(other));
  const many = Array.from({ length: 1000 }, (_, at) => ({ ...other, handle: at.toString(16).padStart(32, "0") }));
  assert.equal(parseDevices(many, own).length, 199); // the first is our own
  assert.equal(unbase64(found.public).length, 32);
});
