/**
 * The codes of one sender: it tells each, and what became of the one before. Which code follows is
 * rendezvous/offers.js's.
 *
 * @import { Code } from "../../core/codes.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Renewed } from "../rendezvous/offers.js"
 * @import { Send } from "./outgoing.js"
 * @import { Whole } from "./sends.js"
 */

import { formatCode } from "../../core/codes.js";
import { REASONS } from "../../core/reasons.js";
import { patiently } from "../rendezvous/conversation.js";
import { Offers } from "../rendezvous/offers.js";
import { ours } from "../runtime.js";

export class Codes {
  /** The one that is valid now. @type {string | null} */ current = null;
  /** There is no code: the link is enough. */ none = false;
  /** The only receiver has the secret from the code: it is no longer offered. */ used = false;
  /** @type {Offers} */ #offers;
  #left = ""; // who came by the last code and has gone without an answer

  /** `how`: a name of this end, and the burns of earlier runs. `counted` is called with each code that is burnt, `away`
   * each time that the server does not answer. @param {Whole} sender @param {Send} how @param {() => void} counted
   * @param {() => void} away */
  constructor(sender, how, counted, away) {
    const { server, secret, options } = sender;
    const burns = how.state?.burns;
    this.sender = sender;
    this.name = how.name ?? "";
    this.away = away;
    const several = () => options.receivers === null || (options.receivers ?? 1) > 1;
    this.#offers = new Offers({ server, secret, burns, several, once: () => this.#once(), counted, away });
  }

  /** How many were burnt. */
  get burns() {
    return this.#offers.burns;
  }

  /** A code, and what follows it; where there is none, the link is enough. */
  async run() {
    const { sender, away } = this;
    const { link, ends } = sender;
    const offers = this.#offers;
    /** @type {Reason | null} */ let reason = null;
    let code = null;
    try {
      code = await patiently(() => offers.first(), ends, away);
      if (!code) reason = "enough";
    } catch (error) {
      if (ours(error).code !== "refused") throw error;
      reason = "no-code";
    }
    this.#isNow(code);
    sender.tell({ event: "ready", link, code: this.current, reason, why: reason ? REASONS[reason] : "", asks: !code });
    /** @type {Renewed} */
    const renewed = (code, reason, asks) => {
      this.#isNow(code);
      const why = REASONS[reason];
      sender.tell({ event: "new-code", code: this.current, reason, why, burns: offers.burns, asks, left: this.#left });
      this.#left = "";
    };
    const handed = () => {
      sender.changed();
      if (this.#once() === null) return;
      this.used = true;
      this.current = null;
      const why = REASONS["code-used"];
      sender.tell({ event: "new-code", code: null, reason: "code-used", why, burns: offers.burns, asks: false, left: "" });
    };
    await offers.run(handed, renewed, ends);
  }

  /** @param {Code | null} code */
  #isNow(code) {
    this.current = code && formatCode(code);
    this.none = code === null;
  }

  /** The person wants a new code; the old one no longer works. @param {Reason} [reason] */
  another(reason) {
    this.#offers.another(reason);
  }

  /** A receiver came by a code and has gone before its person said yes: the code is used up, another is offered.
   * @param {string} receiver */
  leftUndecided(receiver) {
    this.#left = receiver;
    this.used = false;
    this.another("left");
  }

  /** Nobody answers for a code any more. */
  release() {
    return this.#offers.release();
  }

  /** What this end is called, where a code works once. */
  #once() {
    return this.sender.options.receivers === 1 ? this.name : null;
  }
}
