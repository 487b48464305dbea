import assert from "node:assert/strict";
import { test } from "node:test";
import * as codes from "../../../src/burrowspace/web/core/codes.js";
import * as links from "../../../src/burrowspace/web/core/links.js";
import { WORDS } from "../../../src/burrowspace/web/core/words.js";
import { bytes, code, counted, digits, held } from "./vectors.mjs";

const VECTORS = held("meeting");
const secret = bytes(VECTORS.secret);
const decoder = new TextDecoder();
const ours = { nameplate: 7, words: ["walnut", "orbit"] };

test("the words are the same words", () => assert.equal(WORDS.join(" "), VECTORS.words));

test("both ends say what the vectors say, and come to the same secret", async () => {
  const sender = await codes.Pake.make(ours, "sender", counted("pake sender", 64), ["tls:bb", "tls:aa"]);
  const receiver = await codes.Pake.make(ours, "receiver", counted("pake receiver", 64));
  const atSender = sender.finish(codes.parseMeeting(codes.encodeMeeting(receiver.opening)));
  const atReceiver = receiver.finish(codes.parseMeeting(codes.encodeMeeting(sender.opening)));
  assert.equal(digits(atSender.transcript), VECTORS.transcript);
  assert.equal(digits(atReceiver.transcript), VECTORS.transcript);
  await assert.rejects(atSender.handOver(secret, new Uint8Array(12)), code("wrong-code"));
  atSender.check(atReceiver.confirmation);
  atReceiver.check(atSender.confirmation);
  const handover = await atSender.handOver(secret, counted("handover", 12));
  const said = [sender.opening, receiver.opening, atSender.confirmation, atReceiver.confirmation, handover];
  assert.deepEqual(said.map((each) => decoder.decode(codes.encodeMeeting(each))), VECTORS.messages);
  assert.deepEqual(await atReceiver.takeOver(codes.parseMeeting(codes.encodeMeeting(handover))), secret);
  const used = await atSender.sayUsed(VECTORS.used.name, counted("used", 12));
  assert.equal(decoder.decode(codes.encodeMeeting(used)), VECTORS.used.message);
  assert.equal(await atReceiver.whoOffers(codes.parseMeeting(codes.encodeMeeting(used))), VECTORS.used.name);
  assert.deepEqual(codes.checkWords(secret, atSender.transcript), VECTORS.check_words);
});

test("another word is a wrong code at both ends", async () => {
  const sender = await codes.Pake.make(ours, "sender", counted("one", 64));
  const guess = { nameplate: 7, words: ["walnut", "oasis"] };
  const receiver = await codes.Pake.make(guess, "receiver", counted("two", 64));
  const atSender = sender.finish(receiver.opening);
  const atReceiver = receiver.finish(sender.opening);
  assert.throws(() => atSender.check(atReceiver.confirmation), code("wrong-code"));
  assert.throws(() => atReceiver.check(atSender.confirmation), code("wrong-code"));
});

test("an own message, no point, a point of a small group: tampered", async () => {
  const sender = await codes.Pake.make(ours, "sender", counted("one", 64));
  const pake = (point) => ({ type: "pake", role: "receiver", pake: Uint8Array.of(0x53, ...point), fingerprints: [] });
  const zero = new Uint8Array(32);
  zero[0] = 1; // the identity
  const minus = new Uint8Array(32).fill(0xff);
  minus[0] = 0xec; // y = -1: order 2
  minus[31] = 0x7f;
  for (const point of [zero, minus, new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
    assert.throws(() => sender.finish(pake(point)), code("tampered"));
  }
  assert.throws(() => sender.finish({ ...sender.opening, role: "receiver" }), code("tampered"));
  assert.throws(() => sender.finish(sender.opening), code("tampered"));
});

test("codes and links are read as the page says", () => {
  for (const each of VECTORS.codes) assert.equal(codes.formatCode(codes.parseCode(each.text)), each.code);
  for (const typed of VECTORS.no_codes) assert.throws(() => codes.parseCode(typed), code("bad-code"));
  assert.throws(() => codes.parseCode("7-wallnut-orbit"), (error) => error.fields.suggestion === "7-walnut-orbit");
  for (const each of VECTORS.links) {
    const link = links.parseLink(each.text);
    assert.deepEqual([link.server, digits(link.secret)], [each.server, each.secret]);
    assert.deepEqual(links.parseLink(links.formatLink(link.server, link.secret)), link);
  }
  for (const typed of VECTORS.no_links) assert.throws(() => links.parseLink(typed), code("bad-link"));
  for (const [origin, ip, port, leadsTo] of VECTORS.reached_by_others) {
    assert.equal(links.reachedByOthers(origin, ip, port), leadsTo, `${origin} ${ip}`);
  }
});

test("what follows from a secret is what the vectors say", () => {
  assert.equal(links.mailboxId(secret), VECTORS.mailbox);
  assert.equal(links.mailboxId(secret, VECTORS.receiver), VECTORS.receiver_mailbox);
  assert.equal(digits(links.linkTag(secret, VECTORS.receiver)), VECTORS.link_tag);
  assert.equal(digits(links.linkKey(secret, VECTORS.receiver)), VECTORS.link_key);
});

test("what is no message of a meeting is refused", () => {
  const bad = ["", "[]", "{}", '{"type":"pake","role":"both","pake":""}', '{"type":"confirm","role":"sender","mac":"AA=="}'];
  for (const text of bad) assert.throws(() => codes.parseMeeting(new TextEncoder().encode(text)), code("bad-request"));
});
