import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/burrowspace/web/core/bytes.js";
import { encodeInvitation, parseInvitation } from "../../../src/burrowspace/web/core/invitation.js";
import { openKnock, sealKnock } from "../../../src/burrowspace/web/core/nearby.js";
import { bytes, code, digits, held } from "./vectors.mjs";

const VECTORS = held("nearby");

test("knocks are sealed and opened as the vectors say", async () => {
  for (const each of VECTORS.knocks) {
    const invitation = parseInvitation(utf8(each.plaintext));
    assert.equal(new TextDecoder().decode(encodeInvitation(invitation)), each.plaintext);
    const [key, ephemeral, nonce] = [bytes(each.public), bytes(each.ephemeral_private), bytes(each.nonce)];
    assert.equal(digits(await sealKnock(invitation, each.handle, key, ephemeral, nonce)), each.message);
    assert.deepEqual(await openKnock(bytes(each.message), each.handle, bytes(each.private)), invitation);
  }
});

test("what is no knock is tampered; a key that is none, and what is no invitation, are refused", async () => {
  for (const { why, message, handle, private: own } of VECTORS.bad_knocks) {
    await assert.rejects(openKnock(bytes(message), handle, bytes(own)), code("tampered"), why);
  }
  const { plaintext, handle, ephemeral_private, nonce } = VECTORS.knocks[0];
  for (const key of VECTORS.bad_publics) {
    const sealing = sealKnock(parseInvitation(utf8(plaintext)), handle, bytes(key), bytes(ephemeral_private), bytes(nonce));
    await assert.rejects(sealing, code("bad-request"));
  }
  for (const text of [...VECTORS.bad_invitations, plaintext.replace("1700000000.25", "1e400")]) {
    assert.throws(() => parseInvitation(utf8(text)), code("bad-request"), text.slice(0, 80));
  }
});
