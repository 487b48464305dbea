/**
 * The codes of one transfer or pairing, one after the other: what follows a burnt or expired one. Twin of
 * client/rendezvous/offers.py. How long each is and when the person decides stands in core/meeting-rules.js; what a code is good for
 * in hosting.js.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Code } from "../../core/codes.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Nameplate, Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { NEXT_WORDS, wordsFor } from "../../core/meeting-rules.js";
import { CLOSED, ours, sleep, Wakeup } from "../runtime.js";
import { patiently } from "./conversation.js";
import { handOver, offerCode } from "./hosting.js";
import { RETRY_MOST_S, RETRY_S } from "./reader.js";

/** `code` is valid now; null: there is none, and where `asks`, `another` makes one.
 * @typedef {(code: Code | null, reason: Reason, asks: boolean) => void} Renewed */

/**
 * @typedef {object} OffersHow
 * @property {Server} server
 * @property {Bytes} secret
 * @property {number} [burns] how many codes were burnt in earlier runs
 * @property {() => boolean} [several] whether more than one receiver may come
 * @property {() => string | null} [once] how this end is called, where a code works once: after its use there is no other
 *   until `another`, and whoever comes with the used one hears this name
 * @property {(burns: number) => void} [counted] is called with each new number
 * @property {() => void} [away] is called each time that the server does not answer
 */

export class Offers {
  /** How many codes were burnt. */ burns;
  /** The numbers of the code that is valid now and of the last one that was used. @type {Nameplate[]} */ plates = [];
  /** @type {OffersHow} */ #how;
  /** @type {{plate: Nameplate, code: Code} | null} */ #held = null;
  /** Why another one is wanted. @type {Reason | null} */ #wanted = null;
  #wakeup = new Wakeup();
  /** The number of the code before. */ #last = 0;

  /** @param {OffersHow} how */
  constructor(how) {
    this.#how = how;
    this.burns = how.burns ?? 0;
  }

  /** null: so many were burnt before that the person decides. unreachable, refused. @returns {Promise<Code | null>} */
  async first() {
    const words = wordsFor(this.burns, this.#how.several?.());
    return words === null ? null : this.#offer(words);
  }

  /** The person wants a new code; one that is valid now no longer is. @param {Reason} [reason] */
  another(reason = "asked") {
    this.#wanted = reason;
    this.#wakeup.set();
  }

  /** Hands the secret to whoever comes with the code that is valid, until `ends`, or by what `renewed` throws.
   * @param {() => void} handed @param {Renewed} renewed @param {AbortSignal} ends @returns {Promise<never>} */
  async run(handed, renewed, ends) {
    try {
      for (;;) {
        let { words, reason } = await this.#serve(handed, ends);
        if (words === null) {
          renewed(null, reason, true);
          ({ words, reason } = await this.#asked(ends));
        }
        try {
          renewed(await patiently(() => this.#offer(words ?? NEXT_WORDS), ends, this.#how.away), reason, false);
        } catch (error) {
          if (ours(error).code !== "refused") throw error;
          renewed(null, "no-code", true);
        }
      }
    } finally {
      this.#answers(null);
      void this.release();
    }
  }

  /** Its numbers are nobody's any more; where the server does not hear it, their time runs out. */
  async release() {
    const plates = this.plates.splice(0);
    await Promise.allSettled(plates.map((plate) => this.#how.server.burn(plate)));
  }

  /** Until the code is no longer valid: how many words the next one has (null: the person decides), and why.
   * @param {() => void} handed @param {AbortSignal} ends @returns {Promise<{words: number | null, reason: Reason}>} */
  async #serve(handed, ends) {
    if (!this.#held) return this.#asked(ends);
    const { plate, code } = this.#held;
    this.#held = null;
    const { server, secret } = this.#how;
    const stop = new AbortController();
    const until = AbortSignal.any([ends, stop.signal]);
    let used = false;
    let use = () => {};
    const gone = new Promise((resolve) => (use = () => resolve(undefined)));
    const given = () => {
      used = this.#how.once?.() != null;
      if (used) use();
      handed();
    };
    const burnt = () => used || this.#burn();
    const handing = handOver(server, plate, code, secret, given, until, burnt, this.#how.once);
    const asked = this.#asked(until);
    asked.catch(() => undefined);
    try {
      const next = await Promise.race([handing, asked, gone.then(() => null)]);
      if (next) return next;
      this.#answers(stop);
      return await asked;
    } catch (error) {
      const { code: what, fields } = ours(error);
      if (what === "code-expired") {
        await sleep(this.#pause, ends); // a server could end each at once
        this.#pause = Math.min(2 * this.#pause, RETRY_MOST_S);
        return { words: code.words.length, reason: "expired" };
      }
      if (what !== "code-burnt") throw error;
      const words = wordsFor(this.burns);
      return { words, reason: words === null ? "enough" : /** @type {Reason} */ (fields.reason) };
    } finally {
      if (this.#used !== stop) {
        stop.abort(new BurrowError(CLOSED, "over"));
        await handing.catch(() => undefined); // its number is free again, where an address may hold only so many
        this.plates = this.plates.filter((each) => each !== plate);
      } else handing.catch(() => (this.plates = this.plates.filter((each) => each !== plate)));
    }
  }

  /** Ends what answers whoever comes with the last code that was used. @type {AbortController | null} */ #used = null;

  /** From now on this one does, and no longer the one before. @param {AbortController | null} next */
  #answers(next) {
    this.#used?.abort(new BurrowError(CLOSED, "over"));
    this.#used = next;
  }

  #pause = RETRY_S;

  /** A code of another number than the last: whoever still says the old words must not burn the new code.
   * @param {number} words */
  async #offer(words) {
    const { server } = this.#how;
    let offered = await offerCode(server, words);
    if (offered.plate.number === this.#last) {
      const other = await offerCode(server, words).catch(() => null);
      if (other) server.burn(offered.plate).catch(() => undefined);
      offered = other ?? offered;
    }
    this.#last = offered.plate.number;
    this.#held = offered;
    this.plates.push(offered.plate);
    return offered.code;
  }

  /** Until the person wants another code. @param {AbortSignal} ends @returns {Promise<{words: number, reason: Reason}>} */
  async #asked(ends) {
    ends.throwIfAborted();
    while (!this.#wanted) await this.#wakeup.wait(undefined, ends);
    const reason = this.#wanted;
    this.#wanted = null;
    return { words: NEXT_WORDS, reason };
  }

  #burn() {
    this.burns += 1;
    this.#how.counted?.(this.burns);
  }
}
