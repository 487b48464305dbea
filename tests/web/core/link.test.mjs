import assert from "node:assert/strict";
import { test } from "node:test";
import * as frames from "../../../src/burrowspace/web/core/frames.js";
import { parseControl } from "../../../src/burrowspace/web/core/signals.js";
import { bytes, code, digits, held } from "./vectors.mjs";

const VECTORS = held("link");
const key = bytes(VECTORS.key);
const hello = bytes(VECTORS.client_hello);
const answer = bytes(VECTORS.server_hello);
const controls = held("signalling").controls.map((each) => parseControl(new TextEncoder().encode(each)));

test("the greeting is what the vectors say, at both ends", () => {
  assert.equal(digits(frames.clientHello(bytes(VECTORS.tag), hello.slice(24))), VECTORS.client_hello);
  assert.equal(digits(frames.parseClientHello(hello)), VECTORS.tag);
  assert.equal(digits(frames.serverHello(key, hello, answer.slice(8, 40))), VECTORS.server_hello);
  const { proof, keys } = frames.clientProof(key, hello, answer);
  assert.equal(digits(proof), VECTORS.client_proof);
  assert.deepEqual([digits(keys.client), digits(keys.server)], [VECTORS.client_key, VECTORS.server_key]);
  assert.deepEqual(frames.serverKeys(key, hello, answer, proof), keys);
});

test("who does not know the key is noticed", () => {
  assert.throws(() => frames.clientProof(new Uint8Array(32), hello, answer), code("tampered"));
  assert.throws(() => frames.serverKeys(key, hello, answer, new Uint8Array(32)), code("tampered"));
  assert.throws(() => frames.clientProof(key, hello, answer.slice(1)), code("bad-request"));
  assert.throws(() => frames.parseClientHello(hello.slice(1)), code("bad-request"));
});

test("controls are sealed as the vectors say, and opened in their order alone", async () => {
  const keys = { client: bytes(VECTORS.client_key), server: bytes(VECTORS.server_key) };
  const client = frames.Controls.ofClient(keys);
  const server = frames.Controls.ofServer(keys);
  for (const [at, control] of controls.entries()) {
    const said = await client.seal(control);
    assert.equal(digits(said), VECTORS.client_controls[at]);
    assert.deepEqual(await server.open(said.slice(5)), control);
    await assert.rejects(server.open(said.slice(5)), code("tampered"));
    const back = await server.seal(control);
    assert.equal(digits(back), VECTORS.server_controls[at]);
    assert.deepEqual(await client.open(back.slice(5)), control);
  }
  const late = frames.Controls.ofServer(keys);
  await assert.rejects(late.open(bytes(VECTORS.client_controls[1]).slice(5)), code("tampered"));
});

test("frames come whole out of pieces of any size", () => {
  const { sealed, frame, position } = VECTORS.block;
  assert.equal(digits(frames.blockHeader(position, sealed.length / 2)) + sealed, frame);
  const stream = Buffer.concat([frame, ...VECTORS.client_controls, frame].map((each) => Buffer.from(each, "hex")));
  for (const size of [1, 7, 100, stream.length]) {
    const parser = new frames.Parser();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...parser.feed(stream.subarray(at, at + size)));
    assert.equal(found.length, VECTORS.client_controls.length + 2);
    assert.equal(frames.parsePosition(found[0].body), position);
    assert.equal(digits(found.at(-1).body.slice(8)), sealed);
    assert.equal(parser.waiting, 0);
  }
});

test("what is no frame is refused before a byte of its body", () => {
  for (const each of VECTORS.bad_headers) {
    assert.throws(() => frames.parseHeader(bytes(each)), code("bad-request"));
    assert.throws(() => [...new frames.Parser().feed(bytes(each))], code("bad-request"));
  }
});
