/**
 * A knock: an invitation for a device that was only seen nearby, sealed for the key that it announced. Twin of
 * core/knock.py. Who announces and who carries it is wire/rendezvous/nearby.js. Spec: docs/spec/nearby.md.
 *
 * A knock says nothing of who knocked: a person decides.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Invitation } from "./invitation.js"
 */

import { joined, utf8 } from "./bytes.js";
import { inOrder } from "./devices.js";
import { BurrowError } from "./errors.js";
import { encodeInvitation, parseInvitation } from "./invitation.js";
import { Box, derive, SUITES } from "./sealing.js";
import { exchange, KEY_BYTES, publicOf } from "./x25519.js";

export const KNOCK_BYTES = 4096; // of a whole knock

/** The public key of the one that knocks, then the sealed invitation. bad-request for a key that is none.
 *
 * @param {Invitation} invitation
 * @param {string} handle of the device it is for: 32 hex digits
 * @param {Bytes} key public, what that device announced
 * @param {Bytes} ephemeral 32 random bytes, for this knock alone
 * @param {Bytes} nonce 12 random bytes
 * @returns {Promise<Bytes>}
 */
export async function sealKnock(invitation, handle, key, ephemeral, nonce) {
  const [own, shared] = await Promise.all([publicOf(ephemeral), exchange(ephemeral, key)]);
  return joined(own, await boxOf(shared, own, key).seal(encodeInvitation(invitation), bound(handle), nonce));
}

/**
 * tampered, whatever is wrong with the sealing; bad-request for what is no invitation.
 *
 * @param {Bytes} knock
 * @param {string} handle our own: 32 hex digits
 * @param {Bytes} own private key
 * @returns {Promise<Invitation>}
 */
export async function openKnock(knock, handle, own) {
  if (knock.length > KNOCK_BYTES || knock.length < KEY_BYTES + SUITES.A256GCM.overhead) {
    throw new BurrowError("tampered", "this knock has a length that none has");
  }
  const theirs = knock.slice(0, KEY_BYTES);
  const shared = await exchange(own, theirs).catch(() => {
    throw new BurrowError("tampered", "this knock holds a key that is none");
  });
  const key = await publicOf(own);
  return parseInvitation(await boxOf(shared, theirs, key).open(knock.slice(KEY_BYTES), bound(handle)));
}

/** @param {Bytes} shared @param {Bytes} one @param {Bytes} other */
function boxOf(shared, one, other) {
  return new Box(derive(shared, joined(...inOrder(one, other)), "burrow/1 nearby knock"));
}

/** @param {string} handle */
function bound(handle) {
  return utf8(`burrow/1 nearby${handle}`);
}
