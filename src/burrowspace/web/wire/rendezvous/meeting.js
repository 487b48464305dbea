/**
 * A code becomes a secret: the number finds a mailbox, SPAKE2 and its confirmation run in it, the secret changes hands.
 * Twin of client/rendezvous/meeting.py. Here is one meeting, and the receiver's side; the sender's many are hosting.js's. What the
 * end of a meeting costs is decided by core/meeting-rules.js. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Code, Meeting, Role } from "../../core/codes.js"
 * @import { Stand } from "../../core/meeting-rules.js"
 * @import { Server } from "../server/api.js"
 * @import { Spent } from "../state/spent.js"
 */

import { encodeMeeting, Pake, parseMeeting } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { after, eventOf, MEETING_S } from "../../core/meeting-rules.js";
import { random, sleep } from "../runtime.js";

const POLL_S = 20;
export const STILL_THERE = "{name} is still there, but this code was used already. Ask them for a new one";
const LOST_S = 1; // between two looks whether the code is still good while the sender is silent

/** The secret of whoever offered the code. `spent` remembers codes that were given up. bad-code: nobody waits under the
 * number, or somebody else has used the code; `fields.name` is then the sender's. wrong-code, code-burnt: the code can't be used again. gave-up, tampered, bad-request, refused, unreachable:
 * it can. @param {Server} server @param {Code} code @param {AbortSignal} [ends] @param {Spent} [spent]
 * @returns {Promise<Bytes>} */
export async function takeOver(server, code, ends, spent) {
  if (await spent?.has(code)) {
    throw new BurrowError("code-burnt", "this code was tried here before; this code can't be used again. Ask the sender for a new one", { reason: "spent" });
  }
  let mailbox;
  try {
    mailbox = await server.claim(code.nameplate);
  } catch (error) {
    if (/** @type {BurrowError} */ (error).code !== "missing") throw error;
    const why = `nobody waits under the number ${code.nameplate}: the code is used up, too old or wrong; ask for a new one`;
    throw new BurrowError("bad-code", why, { reason: "nobody" });
  }
  const late = AbortSignal.timeout(MEETING_S * 1000);
  /** @type {Stand} */ let stand = "open";
  let secret;
  let who = "";
  try {
    const talk = new Talk(server, mailbox, "receiver", ends ? AbortSignal.any([ends, late]) : late);
    const pake = await Pake.make(code, "receiver", random(64));
    await talk.say(pake.opening);
    const agreed = pake.finish(await unlessLost(talk.next("pake"), server, code));
    await spent?.add(code); // before the proof leaves, so that a page that goes cannot give away a second guess
    stand = after(stand, "proof");
    await talk.say(agreed.confirmation);
    agreed.check(await unlessLost(talk.next("confirm"), server, code));
    const last = await unlessLost(talk.next("secret", "used"), server, code);
    if (last.type === "used") who = await agreed.whoOffers(last);
    else secret = await agreed.takeOver(last);
  } catch (error) {
    if (error instanceof BurrowError && error.code === "bad-code") throw error;
    const event = eventOf(error, late.aborted && error === late.reason);
    if (after(stand, event) !== "burnt") {
      if (event !== "late") throw error;
      throw new BurrowError("gave-up", "the other side does not answer; is the sender still there? try it again", { reason: "no-answer" });
    }
    if (event === "wrong-proof" || ends?.aborted) throw error;
    throw new BurrowError("code-burnt", "the connection broke while the code was being checked; this code can't be used again. Ask the sender for a new one", { reason: "cut" });
  }
  await spent?.drop(code);
  server.removeMailbox(mailbox).catch(() => undefined); // only now: after a failure the sender must still find our proof
  if (secret) return secret;
  const fields = { reason: who ? "still-there" : "code-used-up", name: who || "the sender" };
  throw new BurrowError("bad-code", STILL_THERE.replace("{name}", fields.name), fields);
}

/** The sender's next word. bad-code: somebody else was quicker, and the number stands for nothing any more. @template T
 * @param {Promise<T>} word @param {Server} server @param {Code} code @returns {Promise<T>} */
async function unlessLost(word, server, code) {
  word.catch(() => undefined);
  for (;;) {
    const heard = await Promise.race([word.then(() => true), sleep(LOST_S).then(() => false)]);
    if (heard || (await server.knows(code.nameplate).catch(() => true))) {
      if (heard) return word;
      continue;
    }
    if (await Promise.race([word.then(() => true), sleep(LOST_S / 2).then(() => false)])) return word;
    throw new BurrowError("bad-code", "somebody else used this code first; ask for a new one", { reason: "quicker" });
  }
}

/** The messages of one meeting; the own ones are told from the other's by their role. */
export class Talk {
  #seen = -1;
  /** @type {Bytes[]} */ #unread = [];

  /** @param {Server} server @param {string} mailbox @param {Role} role @param {AbortSignal} ends */
  constructor(server, mailbox, role, ends) {
    this.server = server;
    this.mailbox = mailbox;
    this.role = role;
    this.ends = ends;
  }

  /** @param {Meeting} message */
  async say(message) {
    await unless(this.ends, this.server.post(this.mailbox, encodeMeeting(message)));
  }

  /** The other's next message. bad-request if it is of another kind, or none. @template {Meeting["type"]} T
   * @param {T[]} types @returns {Promise<Extract<Meeting, {type: T}>>} */
  async next(...types) {
    for (;;) {
      for (let body = this.#unread.shift(); body; body = this.#unread.shift()) {
        const said = parseMeeting(body);
        const theirs = said.type === "secret" || said.type === "used" ? this.role === "receiver" : said.role !== this.role;
        if (!theirs) continue;
        if (types.some((type) => type === said.type)) return /** @type {Extract<Meeting, {type: T}>} */ (said);
        throw new BurrowError("bad-request", "the other side does not follow the rules of a meeting; try it again");
      }
      if (this.ends.aborted) throw this.ends.reason;
      const { messages } = await this.server.letters(this.mailbox, this.#seen, POLL_S, this.ends);
      for (const { number, body } of messages) {
        this.#seen = Math.max(this.#seen, number);
        this.#unread.push(body);
      }
    }
  }
}

/** What `work` gives, unless `ends` is aborted before. @template T @param {AbortSignal} ends @param {Promise<T>} work @returns {Promise<T>} */
function unless(ends, work) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(ends.reason);
    ends.addEventListener("abort", stop, { once: true });
    if (ends.aborted) stop();
    work.then(resolve, reject).finally(() => ends.removeEventListener("abort", stop));
  });
}
