/**
 * What two paired devices make of each other's keys: an inbox each way that nobody else can compute or read. Twin of
 * core/devices.py. Who keeps the keys is wire/rendezvous/devices.js. Spec: docs/spec/meeting.md, "Devices".
 *
 * @import { Bytes } from "./bytes.js"
 */

import { hex, joined, text, unbase64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { cut, encodeInvitation, INVITATION_BYTES, isText, NAME_CHARS, parseInvitation } from "./invitation.js";
import { shown } from "./names.js";
import { Box, derive } from "./sealing.js";
import { exchange, isPublic, publicOf } from "./x25519.js";

export const INTRODUCTION_BYTES = 4096; // JSON

/** `public`: X25519, base64. `kind`: what it is, for the eye: `phone`, `computer` … @typedef {{name: string, public: string, kind?: string}} Introduction */

/** @typedef {import("./invitation.js").Invitation} Invitation */

/** @param {Introduction} introduction @returns {Bytes} */
export function encodeIntroduction({ name, public: key, kind }) {
  return utf8(JSON.stringify({ name: cut(name, NAME_CHARS), public: key, ...(kind ? { kind } : {}) }));
}

/** What another device says of itself, its name as it may be shown. bad-request. @param {Uint8Array} data @returns {Promise<Introduction>} */
export async function parseIntroduction(data) {
  if (data.length > INTRODUCTION_BYTES) bad("the other device's introduction is too long");
  let found;
  let key;
  try {
    found = JSON.parse(text(data));
    key = unbase64(found.public);
    if (typeof found.public !== "string" || !isText(found.name)) throw new TypeError("a field");
  } catch {
    return bad("the other device's introduction cannot be read");
  }
  if (!(await isPublic(key))) bad("the other device's key is none");
  const kind = isKind(found.kind) ? { kind: found.kind } : {};
  return { name: deviceTitle(found.name), public: found.public, ...kind };
}

/** Another device's name, as it is kept and shown. @param {string} name */
export function deviceTitle(name) {
  return shown(name.trim(), NAME_CHARS) || "device";
}

/** The name, or with a number, as no other device has it. @param {string} wished @param {string[]} others */
export function freeName(wished, others) {
  const title = deviceTitle(wished);
  const taken = new Set(others.map((each) => each.toLowerCase()));
  let name = title;
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${title} ${number}`;
  return name;
}

/** Whether it is a word for what a device is. @param {unknown} kind @returns {kind is string} */
export function isKind(kind) {
  return typeof kind === "string" && /^[a-z]{1,16}$/.test(kind);
}

/** A mailbox that only two devices know, one way. */
export class Inbox {
  /** @type {Box} */ #box;

  /** @param {Bytes} secret the pair's @param {Bytes} owner public key of the device that reads it */
  constructor(secret, owner) {
    this.mailbox = hex(derive(secret, owner, "burrow/1 device inbox", 16));
    this.#box = new Box(derive(secret, owner, "burrow/1 device invitation"));
  }

  /** @param {Invitation} invitation @param {Bytes} nonce 12 random bytes @returns {Promise<Bytes>} */
  async seal(invitation, nonce) {
    return this.#box.seal(encodeInvitation(invitation), utf8(this.mailbox), nonce);
  }

  /** tampered, bad-request. @param {Bytes} data @returns {Promise<Invitation>} */
  async open(data) {
    if (data.length > INVITATION_BYTES) bad("an invitation is too long");
    return parseInvitation(await this.#box.open(data, utf8(this.mailbox)));
  }
}

/**
 * The inbox that `owner`, one of the two, empties. bad-request for a key that is none.
 *
 * @param {Bytes} own private key
 * @param {Bytes} other public key
 * @param {"own" | "other"} owner
 * @returns {Promise<Inbox>}
 */
export async function pairInbox(own, other, owner) {
  const [mine, shared] = await Promise.all([publicOf(own), exchange(own, other)]);
  const pair = derive(shared, joined(...inOrder(mine, other)), "burrow/1 device pair");
  return new Inbox(pair, owner === "own" ? mine : other);
}

/** Two keys, the lower first. @param {Bytes} one @param {Bytes} other */
export function inOrder(one, other) {
  return hex(one) < hex(other) ? [one, other] : [other, one];
}

/** @param {string} why @returns {never} */
function bad(why) {
  throw new BurrowError("bad-request", why);
}
