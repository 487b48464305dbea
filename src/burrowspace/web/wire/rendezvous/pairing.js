/**
 * How two devices that are to be paired come to one secret, by a code. Loaded with the first pairing: a page that only
 * looks has no use for codes. What follows from the secret is devices.js's.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Server } from "../server/api.js"
 * @import { Spent } from "../state/spent.js"
 */

import { formatCode, parseCode } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { SECRET_BYTES } from "../../core/sealing.js";
import { random } from "../runtime.js";
import { takeOver } from "./meeting.js";
import { Offers } from "./offers.js";

/** Offers codes, one after the other, until `introduce` has met whoever came; what that gives. code-burnt after three
 * burnt ones. unreachable, refused. @template T @param {Server} server
 * @param {(offered: {code: string, reason: Reason | null}) => void} tell
 * @param {(secret: Bytes, ends: AbortSignal) => Promise<T>} introduce @param {AbortSignal} ends @returns {Promise<T>} */
export async function byOffer(server, tell, introduce, ends) {
  const secret = random(SECRET_BYTES);
  const offers = new Offers({ server, secret });
  const over = new AbortController();
  const both = AbortSignal.any([ends, over.signal]);
  const first = await offers.first();
  if (first) tell({ code: formatCode(first), reason: null });
  /** @type {import("./offers.js").Renewed} */
  const renewed = (code, reason) => {
    if (!code) throw new BurrowError("code-burnt", "three codes were tried and failed, so no new one is made by itself; nobody was paired", { reason: "enough-pairing" });
    tell({ code: formatCode(code), reason });
  };
  const handing = offers.run(() => undefined, renewed, both);
  const introducing = introduce(secret, both);
  try {
    return await Promise.race([handing, introducing]);
  } finally {
    over.abort();
    await Promise.allSettled([handing, introducing]);
  }
}

/** The secret of the device that offered this code. bad-code, wrong-code, code-burnt, gave-up, unreachable, refused.
 * @param {Server} server @param {string} typed @param {AbortSignal} ends @param {Spent} [spent] @returns {Promise<Bytes>} */
export async function byCode(server, typed, ends, spent) {
  return takeOver(server, parseCode(typed), ends, spent);
}
