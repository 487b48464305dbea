/**
 * A code becomes a secret: the number finds a mailbox, SPAKE2 and its confirmation run in it, the secret changes hands.
 * Twin of client/meeting.py. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Code, Meeting, Role } from "../core/codes.js"
 * @import { Nameplate, Server } from "./api.js"
 */

import { encodeMeeting, makeCode, Pake, parseMeeting } from "../core/codes.js";
import { BurrowError } from "../core/errors.js";
import { random, sleep } from "./ambient.js";
import { Reader } from "./reader.js";

export const MEETING_S = 30; // that one meeting may take
const POLL_S = 20;

/** A fresh code. unreachable, refused. @param {Server} server @returns {Promise<{plate: Nameplate, code: Code}>} */
export async function offerCode(server) {
  const plate = await server.offerNameplate();
  return { plate, code: makeCode(plate.number, random(4)) };
}

/**
 * Gives the secret to everyone who comes with the code, until `ends`; `handed` is called for each. code-burnt after a
 * wrong guess (the nameplate is released), or when its time is up: then make a new one.
 *
 * @param {Server} server
 * @param {Nameplate} plate
 * @param {Code} code
 * @param {Bytes} secret
 * @param {() => void} handed
 * @param {AbortSignal} ends
 * @returns {Promise<never>}
 */
export async function handOver(server, plate, code, secret, handed, ends) {
  try {
    for (let after = -1; ; ) {
      let claims;
      try {
        claims = await server.claims(plate, after, POLL_S, ends);
      } catch (error) {
        if (ends.aborted) throw ends.reason;
        const { code: what } = /** @type {BurrowError} */ (error);
        if (what === "missing") throw new BurrowError("code-burnt", "the code's time is up");
        if (what !== "unreachable") throw error;
        await sleep(1, ends);
        continue;
      }
      for (const { number, mailbox } of claims) {
        after = Math.max(after, number);
        if (await give(server, mailbox, code, secret, ends)) handed();
      }
    }
  } catch (error) {
    if (!(error instanceof BurrowError) || !["wrong-code", "tampered", "bad-request"].includes(error.code)) throw error;
    throw new BurrowError("code-burnt", "somebody tried a wrong code, so the old one is burnt");
  } finally {
    server.burn(plate).catch(() => undefined); // what is only tidiness may fail
  }
}

/** Whether it was handed over; not to somebody who said the number and no more.
 * @param {Server} server @param {string} mailbox @param {Code} code @param {Bytes} secret @param {AbortSignal} ends */
async function give(server, mailbox, code, secret, ends) {
  const late = AbortSignal.timeout(MEETING_S * 1000);
  try {
    const talk = new Talk(server, mailbox, "sender", AbortSignal.any([ends, late]));
    const agreed = await talk.agree(code);
    await talk.say(await agreed.handOver(secret, random(12)));
    return true;
  } catch (error) {
    if (late.aborted && !ends.aborted && !(error instanceof BurrowError)) return false;
    if (error instanceof BurrowError && error.code === "unreachable") return false;
    throw error;
  }
}

/** The secret of whoever offered the code. wrong-code, bad-code (nobody waits under the number), unreachable.
 * @param {Server} server @param {Code} code @param {AbortSignal} [ends] @returns {Promise<Bytes>} */
export async function takeOver(server, code, ends) {
  let mailbox;
  try {
    mailbox = await server.claim(code.nameplate);
  } catch (error) {
    if (/** @type {BurrowError} */ (error).code !== "missing") throw error;
    const why = `nobody waits under the number ${code.nameplate}: the code is used up, too old or wrong; ask for a new one`;
    throw new BurrowError("bad-code", why);
  }
  const late = AbortSignal.timeout(MEETING_S * 1000);
  try {
    const talk = new Talk(server, mailbox, "receiver", ends ? AbortSignal.any([ends, late]) : late);
    const agreed = await talk.agree(code);
    const secret = await agreed.takeOver(await talk.next("secret"));
    server.removeMailbox(mailbox).catch(() => undefined); // after a failure the sender must still find it
    return secret;
  } catch (error) {
    if (!late.aborted || ends?.aborted || error instanceof BurrowError) throw error;
    const why = "the other side does not answer; is the sender still there? ask for a new code";
    throw new BurrowError("wrong-code", why);
  }
}

/** The messages of one meeting; the own ones are told from the other's by their role. */
class Talk {
  /** @type {Reader} */ #reader;
  /** @type {Meeting[]} */ #heard = [];

  /** @param {Server} server @param {string} mailbox @param {Role} role @param {AbortSignal} ends */
  constructor(server, mailbox, role, ends) {
    this.server = server;
    this.mailbox = mailbox;
    this.#reader = new Reader(server, mailbox);
    this.role = role;
    this.ends = ends;
  }

  /** What both know now. The receiver proves itself first: who tries a code and says no more has learnt nothing, and
   * who has learnt that it was wrong has burnt it. wrong-code. @param {Code} code */
  async agree(code) {
    const pake = await Pake.make(code, this.role, random(64));
    await this.say(pake.opening);
    const agreed = pake.finish(await this.next("pake"));
    if (this.role === "receiver") await this.say(agreed.confirmation);
    const theirs = await this.next("confirm");
    if (this.role === "sender") await this.say(agreed.confirmation);
    agreed.check(theirs);
    return agreed;
  }

  /** @param {Meeting} message */
  async say(message) {
    await this.server.post(this.mailbox, encodeMeeting(message));
  }

  /**
   * The other's next message. wrong-code if it is of another kind.
   *
   * @template {Meeting["type"]} T
   * @param {T} type
   * @returns {Promise<Extract<Meeting, {type: T}>>}
   */
  async next(type) {
    for (;;) {
      const message = this.#heard.shift();
      if (message?.type === type) return /** @type {Extract<Meeting, {type: T}>} */ (message);
      if (message) {
        throw new BurrowError("wrong-code", "the other side does not follow the rules of a meeting; ask for a new code");
      }
      if (this.ends.aborted) throw this.ends.reason;
      for (const { body } of await this.#reader.next(POLL_S, this.ends)) {
        const said = parseMeeting(body);
        const theirs = said.type === "secret" ? this.role === "receiver" : said.role !== this.role;
        if (theirs) this.#heard.push(said);
      }
    }
  }
}
