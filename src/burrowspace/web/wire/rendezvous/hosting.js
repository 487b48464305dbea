/**
 * The sender's side of a code: meetings side by side, one proof checked at a time, and none after a wrong one. Twin of
 * client/rendezvous/hosting.py. Who only says the number costs nothing but a share of a waiting call. What the end of a meeting
 * costs is decided by core/meeting-rules.js. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Code } from "../../core/codes.js"
 * @import { MeetingEvent, Stand } from "../../core/meeting-rules.js"
 * @import { Nameplate, Server } from "../server/api.js"
 */

import { makeCode, Pake } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { REASONS } from "../../core/reasons.js";
import { after, eventOf, givesWay, MEETING_S } from "../../core/meeting-rules.js";
import { random, sleep } from "../runtime.js";
import { Talk } from "./meeting.js";

const POLL_S = 20;
const RETRY_S = 1;
const TIDY_S = 2;

/** A fresh code. unreachable, refused. @param {Server} server @param {number} [words] @returns {Promise<{plate: Nameplate, code: Code}>} */
export async function offerCode(server, words = 2) {
  const plate = await server.offerNameplate();
  return { plate, code: makeCode(plate.number, random(2 * words)) };
}

/** Gives the secret to everyone who comes with the code, until `ends`. `handed` is called for each, `burnt` at once
 * when the code is burnt, before anything else is done about it. code-burnt: it must not be used again; code-expired:
 * its time is up, nobody guessed. The number is released. `once` is asked at each use: a name, and the code works no
 * more; whoever comes with it later hears that it was used, and this name of the sender. @param {Server} server
 * @param {Nameplate} plate @param {Code} code @param {Bytes} secret @param {() => void} handed
 * @param {AbortSignal} ends @param {() => void} [burnt] @param {() => string | null} [once] @returns {Promise<never>} */
export async function handOver(server, plate, code, secret, handed, ends, burnt = () => undefined, once = () => null) {
  const host = new Host(server, code, secret, handed, burnt, once);
  try {
    return await host.serve(plate, ends);
  } finally {
    host.close();
    await Promise.race([server.burn(plate), sleep(TIDY_S)]).catch(() => undefined); // what is only tidiness may fail
  }
}

/** One meeting that runs. @typedef {{mailbox: string, stand: Stand, heard: boolean, away: AbortController}} Guest */

class Host {
  /** The oldest first. @type {Guest[]} */ #guests = [];
  /** @type {Promise<unknown>} */ #checking = Promise.resolve();
  #burnt = false;
  /** The name to give to whoever comes with a code that was used. @type {string | null} */ #used = null;
  #closed = new AbortController();
  /** @type {(error: BurrowError) => void} */ #over = () => undefined;

  /** @param {Server} server @param {Code} code @param {Bytes} secret @param {() => void} handed @param {() => void} burnt
   * @param {() => string | null} once */
  constructor(server, code, secret, handed, burnt, once) {
    this.server = server;
    this.code = code;
    this.secret = secret;
    this.handed = handed;
    this.tellBurnt = burnt;
    this.once = once;
  }

  /** @param {Nameplate} plate @param {AbortSignal} ends @returns {Promise<never>} */
  async serve(plate, ends) {
    /** @type {Promise<never>} */ const over = new Promise((_, reject) => (this.#over = reject));
    return Promise.race([this.#receive(plate, AbortSignal.any([ends, this.#closed.signal])), over]);
  }

  close() {
    for (const guest of this.#guests) this.#end(guest, "cut");
    this.#closed.abort();
  }

  /** Starts a meeting for each claim. @param {Nameplate} plate @param {AbortSignal} ends @returns {Promise<never>} */
  async #receive(plate, ends) {
    for (let last = -1; ; ) {
      let claims;
      try {
        claims = await this.server.claims(plate, last, POLL_S, ends);
      } catch (error) {
        if (ends.aborted) throw ends.reason;
        const { code } = /** @type {BurrowError} */ (error);
        if (code === "missing") throw new BurrowError("code-expired", REASONS.expired, { reason: "expired" });
        if (code !== "unreachable" && code !== "refused") throw error;
        await sleep(RETRY_S, ends);
        continue;
      }
      for (const { number, mailbox } of claims) {
        if (number <= last) continue;
        last = number;
        this.#begin(mailbox, ends);
      }
    }
  }

  /** @param {string} mailbox @param {AbortSignal} ends */
  #begin(mailbox, ends) {
    const which = givesWay(this.#guests);
    if (which !== null) this.#end(this.#guests[which], "cut");
    /** @type {Guest} */ const guest = { mailbox, stand: "open", heard: false, away: new AbortController() };
    this.#guests.push(guest);
    void this.#meet(guest, ends);
  }

  /** @param {Guest} guest @param {MeetingEvent} event */
  #end(guest, event) {
    const before = guest.stand;
    guest.stand = after(before, event);
    this.#guests = this.#guests.filter((each) => each !== guest);
    guest.away.abort();
    if (guest.stand !== "burnt" || before === "burnt") return;
    this.#burnt = true;
    this.tellBurnt();
  }

  /** @param {Guest} guest @param {AbortSignal} ends */
  async #meet(guest, ends) {
    const late = AbortSignal.timeout(MEETING_S * 1000);
    try {
      const until = AbortSignal.any([ends, guest.away.signal, late]);
      await this.#give(guest, new Talk(this.server, guest.mailbox, "sender", until), late);
      this.#guests = this.#guests.filter((each) => each !== guest);
    } catch (error) {
      const event = eventOf(error, late.aborted && error === late.reason);
      this.#end(guest, event);
      if (guest.stand !== "burnt") return;
      // Receivers wait for a proof; this one is noise, so that nothing can be tested against it.
      const noise = { type: /** @type {const} */ ("confirm"), role: /** @type {const} */ ("sender"), mac: random(32) };
      if (event === "wrong-proof") void new Talk(this.server, guest.mailbox, "sender", AbortSignal.timeout(2000)).say(noise).catch(() => undefined);
      const reason = event === "wrong-proof" ? "wrong-try" : "cut-try";
      this.#over(new BurrowError("code-burnt", REASONS[reason], { reason }));
    }
  }

  /** @param {Guest} guest @param {Talk} talk @param {AbortSignal} late */
  async #give(guest, talk, late) {
    const opening = await talk.next("pake");
    guest.heard = true;
    const pake = await Pake.make(this.code, "sender", random(64));
    const agreed = pake.finish(opening);
    await talk.say(pake.opening);
    const proof = await talk.next("confirm");
    let handed = false;
    await this.#alone(async () => {
      if (this.#burnt || guest.stand !== "open") return; // no proof of a burnt code is looked at
      guest.stand = after(guest.stand, "proof");
      try {
        agreed.check(proof);
        await talk.say(agreed.confirmation);
        handed = this.#used === null;
        await talk.say(await (this.#used === null ? agreed.handOver(this.secret, random(12)) : agreed.sayUsed(this.#used, random(12))));
        guest.stand = after(guest.stand, "done");
        this.#used ??= this.once();
      } catch (error) {
        this.#end(guest, eventOf(error, late.aborted && error === late.reason)); // before the next one may be checked
        throw error;
      }
    });
    if (handed && guest.stand === "done") this.handed();
  }

  /** One at a time. @param {() => Promise<void>} work */
  async #alone(work) {
    const mine = this.#checking.then(work);
    this.#checking = mine.catch(() => undefined);
    await mine;
  }
}
