import assert from "node:assert/strict";
import { test } from "node:test";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { newsOf, wishFor } from "../../../src/burrowspace/web/core/changes.js";
import { WaitingCall } from "../../../src/burrowspace/web/wire/server/waiting-call.js";
import { Reader } from "../../../src/burrowspace/web/wire/rendezvous/reader.js";
import { code } from "../core/vectors.mjs";

const id = (number) => number.toString(16).padStart(32, "0");
const [A, B, C] = [id(10), id(11), id(12)];
const said = (...numbers) => ({ messages: numbers.map((number) => ({ number, body: "aGk=" })), created_at: "then" });
const numbers = (news) => news && news.messages.map(({ number }) => number);

const nothing = { mailboxes: {}, nameplates: {}, nearby: {} };

/** A server of requests that the test answers by hand: `next()` is the next one that came. `answer` of mailboxes alone. */
function scripted() {
  const came = [];
  const wanted = [];
  const ask = (wish, wait, signal) =>
    new Promise((resolve, reject) => {
      const answer = (mailboxes, more = {}) => resolve({ ...nothing, mailboxes, ...more });
      const request = { wish, mailboxes: wish.mailboxes, wait, answer, fail: reject, signal };
      signal.addEventListener("abort", () => reject(signal.reason));
      const want = wanted.shift();
      if (want) want(request);
      else came.push(request);
    });
  const next = () => (came.length ? Promise.resolve(came.shift()) : new Promise((resolve) => wanted.push(resolve)));
  const hub = new WaitingCall(ask);
  const read = async (mailbox, after, wait, signal) => {
    const { mailboxes } = await hub.ask(wishFor({ mailboxes: { [mailbox]: after } }), wait, signal);
    if (!Object.hasOwn(mailboxes, mailbox)) return { messages: [], made: "" };
    return mailboxes[mailbox] && newsOf(mailboxes[mailbox]);
  };
  return { hub: { ask: (wish, wait, signal) => hub.ask(wishFor(wish), wait, signal), read }, next, came };
}

test("all who come at once share one request, and news ends it for those who have some", async () => {
  const { hub, next } = scripted();
  const [a, b] = [hub.read(A, 4, 25), hub.read(B, -1, 20)];
  const first = await next();
  assert.deepEqual([first.mailboxes, first.wait], [{ [A]: 4, [B]: -1 }, 20]);
  first.answer({ [A]: said(5, 6) });
  assert.deepEqual(numbers(await a), [5, 6]);
  const second = await next();
  assert.deepEqual(second.mailboxes, { [B]: -1 });
  second.answer({ [B]: said(0) });
  assert.deepEqual(numbers(await b), [0]);
});

test("a burst that comes later costs one request more, and the one before is cut", async () => {
  const { hub, next, came } = scripted();
  const a = hub.read(A, -1, 25);
  const first = await next();
  const rest = [hub.read(B, -1, 25)];
  await null;
  rest.push(hub.read(C, 7, 25));
  const second = await next();
  assert.ok(first.signal.aborted);
  assert.deepEqual(second.mailboxes, { [A]: -1, [B]: -1, [C]: 7 });
  second.answer({});
  assert.deepEqual((await Promise.all([a, ...rest])).map(numbers), [[], [], []]);
  assert.equal(came.length, 0);
});

test("two that read one mailbox from different places get each their own", async () => {
  const { hub, next } = scripted();
  const [late, early] = [hub.read(A, 5, 25), hub.read(A, 2, 25)];
  const first = await next();
  assert.deepEqual(first.mailboxes, { [A]: 2 });
  first.answer({ [A]: said(3, 4, 5) });
  assert.deepEqual(numbers(await early), [3, 4, 5]);
  assert.deepEqual(numbers(await late), []);
  const gone = hub.read(A, 5, 25);
  (await next()).answer({ [A]: null });
  assert.equal(await gone, null);
});

test("a mailbox that was made anew is read from its start", async () => {
  const { hub, next } = scripted();
  const reader = new Reader({ news: (mailbox, after, wait, signal) => hub.read(mailbox, after, wait, signal) }, A);
  const first = reader.next(25);
  (await next()).answer({ [A]: said(0, 1) });
  assert.deepEqual((await first).map(({ number }) => number), [0, 1]);
  const second = reader.next(25);
  (await next()).answer({ [A]: { ...said(), created_at: "later" } });
  const again = await next();
  assert.deepEqual(again.mailboxes, { [A]: -1 });
  again.answer({ [A]: { ...said(0), created_at: "later" } });
  assert.deepEqual((await second).map(({ number }) => number), [0]);
  assert.deepEqual([reader.after, reader.made], [0, "later"]);
});

test("an abort is the caller's alone; when all have left, nothing is under way", async () => {
  const { hub, next } = scripted();
  const [one, other] = [new AbortController(), new AbortController()];
  const [a, b] = [hub.read(A, -1, 25, one.signal), hub.read(B, -1, 25, other.signal)];
  const first = await next();
  one.abort(new Error("left"));
  await assert.rejects(a, /left/);
  assert.ok(!first.signal.aborted);
  other.abort(new Error("too"));
  await assert.rejects(b, /too/);
  assert.ok(first.signal.aborted);
  await assert.rejects(hub.read(A, -1, 25, one.signal), /left/);
  const again = hub.read(A, -1, 25);
  (await next()).answer({ [A]: said(0) });
  assert.deepEqual(numbers(await again), [0]);
});

test("an error is everybody's, and the next who comes asks anew", async () => {
  const { hub, next } = scripted();
  const both = [hub.read(A, -1, 25), hub.read(B, -1, 25)];
  (await next()).fail(new BurrowError("unreachable", "away"));
  for (const each of both) await assert.rejects(each, code("unreachable"));
  const again = hub.read(A, -1, 25);
  (await next()).answer({ [A]: said(0) });
  await again;
  const refused = hub.read(A, 0, 25);
  (await next()).fail(new BurrowError("refused", "no", { status: 400 })); // it knows the call: no reason to go back
  await assert.rejects(refused, code("refused"));
});

test("more than 64 mailboxes take turns, and a new one comes first", async () => {
  const { hub, next } = scripted();
  const reads = Array.from({ length: 100 }, (_, at) => hub.read(id(at), -1, 25));
  const asked = new Set();
  const first = await next();
  assert.deepEqual([Object.keys(first.mailboxes).length, first.wait], [64, 1]);
  Object.keys(first.mailboxes).forEach((each) => asked.add(each));
  reads.push(hub.read(id(100), -1, 25));
  await null;
  assert.ok(!first.signal.aborted);
  first.answer({});
  const second = await next();
  assert.equal(Object.keys(second.mailboxes)[0], id(100));
  Object.keys(second.mailboxes).forEach((each) => asked.add(each));
  assert.equal(asked.size, 101);
  const all = (mailboxes) => Object.fromEntries(Object.keys(mailboxes).map((each) => [each, said(0)]));
  second.answer(all(second.mailboxes));
  const third = await next();
  assert.equal(Object.keys(third.mailboxes).length, 37);
  third.answer(all(third.mailboxes));
  assert.equal((await Promise.all(reads)).length, 101);
});

test("messages, claims and devices are waited for in one request, and each hears of its own", async () => {
  const { hub, next } = scripted();
  const plate = (after) => ({ nameplates: { 7: { token: "t", after } } });
  const near = (version) => ({ nearby: { [B]: { token: "s", version } } });
  const [box, code, device] = [hub.ask({ mailboxes: { [A]: 1 } }, 25), hub.ask(plate(-1), 25), hub.ask(near(3), 25)];
  const first = await next();
  assert.deepEqual(first.wish, { mailboxes: { [A]: 1 }, ...plate(-1), ...near(3) });
  first.answer({}, { nameplates: { 7: { claims: [{ number: 0, mailbox: C }] } } });
  assert.deepEqual((await code).nameplates, { 7: { claims: [{ number: 0, mailbox: C }] } });
  const second = await next();
  assert.deepEqual(second.wish, { mailboxes: { [A]: 1 }, nameplates: {}, ...near(3) });
  second.answer({}, { nearby: { [B]: null } });
  assert.deepEqual(await device, { ...nothing, nearby: { [B]: null } });
  (await next()).answer({});
  assert.deepEqual(await box, nothing);
});

test("of two that saw other versions of who is nearby, the one that is behind hears at once and the other waits on", async () => {
  const { hub, next } = scripted();
  const near = (version) => ({ nearby: { [B]: { token: "s", version } } });
  const [ahead, behind] = [hub.ask(near(5), 25), hub.ask(near(3), 25)];
  const first = await next();
  assert.equal(first.wish.nearby[B].version, -1);
  first.answer({}, { nearby: { [B]: { version: 5, devices: [] } } });
  assert.equal((await behind).nearby[B].version, 5);
  const second = await next();
  assert.equal(second.wish.nearby[B].version, 5);
  second.answer({});
  assert.deepEqual(await ahead, nothing);
});

test("a device that is not waited for any more is left out of the next request at once", async () => {
  const { hub, next } = scripted();
  const gone = new AbortController();
  const box = hub.ask({ mailboxes: { [A]: 1 } }, 25);
  const device = hub.ask({ nearby: { [B]: { token: "s", version: 3 } } }, 25, gone.signal);
  assert.equal(Object.keys((await next()).wish.nearby).length, 1);
  gone.abort(new Error("closed"));
  await assert.rejects(device, /closed/);
  const second = await next();
  assert.deepEqual(second.wish, wishFor({ mailboxes: { [A]: 1 } }));
  second.answer({});
  assert.deepEqual(await box, nothing);
});
