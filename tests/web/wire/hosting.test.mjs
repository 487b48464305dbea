/** Who breaks a meeting costs the sender that meeting; who has seen a proof checked costs it the code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Agreed, formatCode } from "../../../src/burrowspace/web/core/codes.js";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { handOver, offerCode } from "../../../src/burrowspace/web/wire/rendezvous/hosting.js";
import { takeOver } from "../../../src/burrowspace/web/wire/rendezvous/meeting.js";
import { Offers } from "../../../src/burrowspace/web/wire/rendezvous/offers.js";
import { Spent } from "../../../src/burrowspace/web/wire/state/spent.js";
import { another, cuts, Guest, Rendezvous } from "./rendezvous.mjs";

const SECRET = new Uint8Array(32).fill(7);
const code = (wanted) => (error) => error.code === wanted || assert.fail(`${error.code}: ${error.stack}`);
const moment = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A code that is offered; ends with the test. */
async function offering(t) {
  const world = new Rendezvous();
  const server = world.end();
  const offered = await offerCode(server);
  const ends = new AbortController();
  const sender = { world, server, ends, code: offered.code, handed: 0, burnt: [], over: false };
  const handed = () => (sender.handed += 1);
  const burnt = () => sender.burnt.push([...server.said]);
  sender.handing = handOver(server, offered.plate, offered.code, SECRET, handed, ends.signal, burnt);
  sender.handing.catch(() => (sender.over = true));
  t.after(() => ends.abort(new BurrowError("closed", "over")));
  return sender;
}

async function comesThrough(sender) {
  assert.deepEqual(await takeOver(sender.world.end(), sender.code), SECRET);
  assert.equal(sender.over, false);
}

const full = async (said) => {
  if (said?.type === "confirm") throw new BurrowError("refused", "this mailbox is full", { status: 429, said: "too-many" });
};

for (const [what, does, then] of [
  ["drops the confirmation", cuts("confirm"), undefined],
  ["takes the confirmation and breaks the connection", undefined, cuts("confirm")],
  ["drops the secret", cuts("secret"), undefined],
  ["says that the mailbox is full", full, undefined],
]) {
  test(`a server that ${what} after a good proof has burnt the code`, async (t) => {
    const sender = await offering(t);
    if (does) sender.server.does = does;
    if (then) sender.server.then = then;
    await (await new Guest(sender.world.end(), sender.code).claim()).prove();
    await assert.rejects(sender.handing, code("code-burnt"));
    assert.equal(sender.burnt.length, 1);
    assert.equal(sender.handed, 0);
    await assert.rejects(takeOver(sender.world.end(), sender.code), code("bad-code"));
  });
}

for (const letsGo of [false, true]) {
  test(`a wrong proof burns the code before anything is said; the server ${letsGo ? "breaks off" : "answers"}`, async (t) => {
    const sender = await offering(t);
    if (letsGo) sender.server.does = cuts("confirm");
    await (await new Guest(sender.world.end(), another(sender.code)).claim()).prove();
    await assert.rejects(sender.handing, code("code-burnt"));
    assert.deepEqual(sender.burnt.map((said) => said.map(({ type }) => type)), [["pake"]]);
  });
}

test("what a wrong proof is answered with cannot be tested against", async (t) => {
  const sender = await offering(t);
  const guest = await new Guest(sender.world.end(), sender.code).claim();
  const agreed = await guest.agree();
  await guest.say({ type: "confirm", role: "receiver", mac: new Uint8Array(32) });
  const answer = await guest.next("confirm");
  assert.throws(() => agreed.check(answer), code("wrong-code"));
  await assert.rejects(sender.handing, code("code-burnt"));
});

test("a page that goes in the middle of a check has burnt the code", async (t) => {
  const sender = await offering(t);
  const there = new Promise((resolve) => {
    sender.server.does = async (said) => {
      if (said.type !== "confirm") return;
      resolve();
      await new Promise(() => {});
    };
  });
  await (await new Guest(sender.world.end(), sender.code).claim()).prove();
  await there;
  sender.ends.abort(new BurrowError("closed", "over"));
  await assert.rejects(sender.handing, code("closed"));
  assert.equal(sender.burnt.length, 1);
});

test("of many proofs at once one is looked at", async (t) => {
  const sender = await offering(t);
  const check = Agreed.prototype.check;
  let looked = 0;
  Agreed.prototype.check = function (other) {
    if (this.role === "sender") looked += 1;
    return check.call(this, other);
  };
  t.after(() => (Agreed.prototype.check = check));
  const guests = [];
  for (let n = 0; n < 5; n++) guests.push(await new Guest(sender.world.end(), another(sender.code)).claim());
  guests.push(await new Guest(sender.world.end(), sender.code).claim());
  const agreed = await Promise.all(guests.map((guest) => guest.agree()));
  await Promise.all(guests.map((guest, at) => guest.say(agreed[at].confirmation)));
  await assert.rejects(sender.handing, code("code-burnt"));
  await moment();
  assert.equal(looked, 1);
  assert.equal(sender.handed, 0);
});

const utf8 = (text) => new TextEncoder().encode(text);
for (const [what, says] of [
  ["no message", () => utf8("no message")],
  ["far too much", () => new Uint8Array(60_000).fill(255)],
  ["no point", () => ({ type: "pake", role: "receiver", pake: Uint8Array.of(0x53, ...new Uint8Array(32)), fingerprints: [] })],
  ["a proof before the opening", () => ({ type: "confirm", role: "receiver", mac: new Uint8Array(32) })],
]) {
  test(`who says ${what} ends that meeting only`, async (t) => {
    const sender = await offering(t);
    await (await new Guest(sender.world.end(), sender.code).claim()).say(says());
    await comesThrough(sender);
    assert.deepEqual(sender.burnt, []);
  });
}

test("who fills the mailbox, hangs up, or says nonsense for a proof ends that meeting only", async (t) => {
  const sender = await offering(t);
  sender.server.does = async (said) => {
    if (sender.server.said.length === 1) throw new BurrowError("refused", "this mailbox is full", { status: 413, said: "too-large" });
  };
  const filler = await new Guest(sender.world.end(), sender.code).claim();
  await filler.say(filler.pake.opening);
  const leaver = await new Guest(sender.world.end(), sender.code).claim();
  await leaver.agree();
  await sender.world.end().removeMailbox(leaver.mailbox);
  const joker = await new Guest(sender.world.end(), sender.code).claim();
  await joker.agree();
  await joker.say(utf8("no proof"));
  await comesThrough(sender);
  assert.deepEqual(sender.burnt, []);
});

test("silent claims keep nobody out, cost nothing, and push out nobody who speaks", async (t) => {
  const sender = await offering(t);
  const guest = await new Guest(sender.world.end(), sender.code).claim();
  const agreed = await guest.agree();
  for (let n = 0; n < 40; n++) sender.world.claim(sender.code.nameplate);
  await comesThrough(sender);
  assert.equal(sender.server.said.length, 4);
  await guest.say(agreed.confirmation);
  agreed.check(await guest.next("confirm"));
  assert.equal(sender.handed >= 1, true);
});

test("a code is good for several, and ends without a burn when its time is up", async (t) => {
  const sender = await offering(t);
  const got = await Promise.all([1, 2, 3].map(() => takeOver(sender.world.end(), sender.code)));
  assert.deepEqual(got, [SECRET, SECRET, SECRET]);
  assert.equal(sender.handed, 3);
  sender.world.plates.clear();
  sender.world.ring();
  await assert.rejects(sender.handing, code("code-expired"));
  assert.deepEqual(sender.burnt, []);
});

// the receiver

test("a receiver that gave its proof and got nothing uses the code no more, and the server hears nothing of it", async (t) => {
  const sender = await offering(t);
  const spent = new Spent();
  const receiver = sender.world.end();
  receiver.does = cuts("confirm");
  await assert.rejects(takeOver(receiver, sender.code, undefined, spent), code("code-burnt"));
  receiver.does = async () => undefined;
  await assert.rejects(takeOver(receiver, sender.code, undefined, spent), code("code-burnt"));
  assert.equal(receiver.asked, 1);
});

test("before its proof a receiver may try again, and after a success nothing is left", async (t) => {
  const sender = await offering(t);
  const spent = new Spent();
  const receiver = sender.world.end();
  receiver.does = cuts("pake");
  await assert.rejects(takeOver(receiver, sender.code, undefined, spent), code("unreachable"));
  receiver.does = async () => undefined;
  assert.deepEqual(await takeOver(receiver, sender.code, undefined, spent), SECRET);
  assert.equal(await spent.has(sender.code), false);
});

test("a receiver whose page goes after its proof uses the code no more, over a reload", async (t) => {
  const sender = await offering(t);
  let kept;
  const how = { load: async () => kept, save: async (marks) => void (kept = structuredClone(marks)) };
  const ends = new AbortController();
  const receiver = sender.world.end();
  receiver.does = async (said) => {
    if (said.type === "confirm") ends.abort(new BurrowError("closed", "over"));
  };
  await assert.rejects(takeOver(receiver, sender.code, ends.signal, new Spent(how)), code("closed"));
  assert.equal(await new Spent(how).has(sender.code), true);
  assert.equal(JSON.stringify(kept).includes(sender.code.words[0]), false);
});

test("with a wrong code the receiver is told so, by a sender of an earlier version as well", async () => {
  const world = new Rendezvous();
  const plate = world.offer();
  const real = { nameplate: plate.number, words: ["walnut", "orbit"] };
  for (const [at, typed] of [another(real), real].entries()) {
    const wrong = typed !== real;
    const taking = takeOver(world.end(), typed);
    taking.catch(() => undefined);
    const [{ mailbox }] = await world.end().claims(plate, at - 1, 5);
    const guest = await new Guest(world.end(), real, "sender").join(mailbox);
    const agreed = await guest.agree();
    const proof = await guest.next("confirm");
    await guest.say(agreed.confirmation); // before it looked at the other's
    if (wrong) {
      assert.throws(() => agreed.check(proof));
      await assert.rejects(taking, code("wrong-code"));
    } else {
      agreed.check(proof);
      await guest.say(await agreed.handOver(SECRET, new Uint8Array(12)));
      assert.deepEqual(await taking, SECRET);
    }
  }
});

// one code after the other

/** @returns the codes and reasons as they come */
async function series(t, how = {}) {
  const world = new Rendezvous();
  const counted = [];
  const offers = new Offers({ server: world.end(), secret: SECRET, counted: (burns) => counted.push(burns), ...how });
  const ends = new AbortController();
  const told = [];
  let wake = () => {};
  const first = await offers.first();
  const running = offers.run(() => undefined, (code, why, asks) => (told.push({ code, why, asks }), wake()), ends.signal);
  running.catch(() => undefined);
  t.after(() => ends.abort(new BurrowError("closed", "over")));
  const next = async () => {
    while (!told.length) await new Promise((resolve) => (wake = resolve));
    return told.shift();
  };
  return { world, offers, first, next, counted };
}

test("after three burnt codes the person decides", async (t) => {
  const { world, offers, first, next, counted } = await series(t);
  const lengths = [first.words.length];
  let current = first;
  for (let n = 0; n < 2; n++) {
    await assert.rejects(takeOver(world.end(), another(current)), code("wrong-code"));
    const renewed = await next();
    assert.equal(renewed.asks, false);
    current = renewed.code;
    lengths.push(current.words.length);
  }
  assert.deepEqual(lengths, [2, 3, 3]);
  await assert.rejects(takeOver(world.end(), another(current)), code("wrong-code"));
  const last = await next();
  assert.deepEqual([last.code, last.asks], [null, true]);
  await moment();
  assert.equal(world.plates.size, 0);
  offers.another();
  current = (await next()).code;
  assert.equal(current.words.length, 3);
  assert.deepEqual(await takeOver(world.end(), current), SECRET);
  assert.deepEqual(counted, [1, 2, 3]);
});

test("burnt codes of an earlier run count, and codes for several are long", async (t) => {
  assert.equal((await series(t, { burns: 1 })).first.words.length, 3);
  assert.equal((await series(t, { several: () => true })).first.words.length, 3);
  const { first, offers, next } = await series(t, { burns: 3 });
  assert.equal(first, null);
  offers.another();
  assert.equal((await next()).code.words.length, 3);
});

test("a code that works once says who is still there, and a wrong guess at it costs nobody a code", async (t) => {
  const { world, offers, first, next, counted } = await series(t, { once: () => "ann" });
  assert.deepEqual(await takeOver(world.end(), first), SECRET);
  const spent = new Spent();
  const used = (error) => error.code === "bad-code" && error.sentence.startsWith("ann is still there, but") && error.fields.name === "ann";
  for (let n = 0; n < 2; n++) await assert.rejects(takeOver(world.end(), first, undefined, spent), used);
  offers.another("they left");
  const renewed = await next();
  assert.deepEqual([renewed.why, renewed.code.words.length], ["they left", 3]);
  await assert.rejects(takeOver(world.end(), first, undefined, spent), used);
  await assert.rejects(takeOver(world.end(), another(first)), code("wrong-code"));
  await moment();
  assert.deepEqual([...world.plates.keys()], [renewed.code.nameplate]);
  assert.deepEqual(await takeOver(world.end(), renewed.code), SECRET);
  assert.deepEqual(counted, []);
});

test("an expired code is replaced by one as long and does not count; a person may replace one at any time", async (t) => {
  const { world, offers, first, next, counted } = await series(t);
  world.plates.clear();
  world.ring();
  const renewed = await next();
  assert.equal(renewed.code.words.length, 2);
  assert.notEqual(formatCode(renewed.code), formatCode(first));
  offers.another();
  const asked = await next();
  assert.equal(asked.code.words.length, 3);
  await assert.rejects(takeOver(world.end(), renewed.code), code("bad-code"));
  assert.deepEqual(counted, []);
});
