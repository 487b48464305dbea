/**
 * The sender, as its receiver sees it: its offer, its words, and what is said to it. Two mailboxes: the transfer's,
 * where everybody hears the offer, and one for the two alone. Twin of client/session/remote_sender.py. Specs:
 * docs/spec/signalling.md, docs/spec/session.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Offer, Signal } from "../../core/signals.js"
 * @import { Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { KNOWS_MARKS } from "../../core/left-out.js";
import { mailboxId } from "../../core/links.js";
import { Reasons } from "../../core/reports.js";
import { SenderWords } from "../../core/sender-words.js";
import { whyAway } from "../network-watch.js";
import { offline } from "../offline.js";
import { Conversation, patiently } from "../rendezvous/conversation.js";
import { seconds } from "../runtime.js";

const NOTHING_S = 3; // after which a link without an offer stands for nothing
/** As this end would have it, the best first. @type {Suite[]} */
const SUITES = globalThis.crypto?.subtle ? ["A256GCM", "XC20P"] : ["XC20P", "A256GCM"];

/**
 * What follows from its words.
 *
 * @typedef {object} Hears
 * @property {() => void} offered
 * @property {() => Promise<void>} came its program began anew
 * @property {() => void} left
 * @property {(why: string, code: string) => void} cancelled for good
 * @property {() => void} announced a segment, or the end of one
 * @property {(signal: Signal) => void} direct where it is reached
 * @property {() => void} away is called each time that the server does not answer
 */

export class RemoteSender {
  /** What follows from all that it said. */ words = new SenderWords(seconds());
  /** @type {Conversation} */ #main;
  /** @type {Conversation | null} */ #pair = null;

  /** @param {Server} server @param {Bytes} secret @param {string} name of this end @param {AbortSignal} ends
   * @param {Hears} hears */
  constructor(server, secret, name, ends, hears) {
    this.server = server;
    this.secret = secret;
    this.name = name.slice(0, 255);
    this.ends = ends;
    this.hears = hears;
    this.#main = new Conversation(server, secret, mailboxId(secret), "receiver", Conversation.session(), ends);
  }

  /** The server cannot be reached now. */
  get away() {
    return this.#main.away;
  }

  /** What was said before this program began, to its end: the last word counts. */
  async recall() {
    for (const { session, signal } of await this.#main.soFar(this.hears.away)) await this.#heard(session, signal);
  }

  async hear() {
    for await (const { session, signal } of this.#main.heard()) await this.#heard(session, signal);
  }

  /** Waits for its offer. gone: there is none under a link, where nothing has begun yet; a sender offers as soon as its
   * link is there. @param {boolean} begun @param {() => Promise<void>} change @param {(reason: Reason) => void} waits
   * @returns {Promise<Offer>} */
  async forOffer(begun, change, waits) {
    const reasons = new Reasons();
    for (const began = seconds(); !this.words.offer; ) {
      await change();
      if (this.words.offer) break;
      const away = this.away || offline();
      if (!begun && !away && seconds() - began > NOTHING_S) {
        throw new BurrowError("gone", "nothing is offered under this link: it is wrong, or its time is up", { reason: "no-offer" });
      }
      const reason = away ? whyAway(this.server) : "not-begun";
      if (reasons.due(seconds(), reason)) waits(reason);
    }
    return this.words.offer;
  }

  /** Opens the mailbox for the two alone. `fresh`: nothing lies in it; else the segments that were said to an earlier
   * run count, and where the sender could be reached is history. @param {string} receiver @param {boolean} fresh */
  async meet(receiver, fresh) {
    const { server, secret, ends } = this;
    const id = mailboxId(secret, receiver);
    const pair = (this.#pair = new Conversation(server, secret, id, "receiver", this.#main.session, ends));
    if (fresh) return patiently(() => server.makeMailbox(id), ends);
    for (const { signal } of await pair.soFar(this.hears.away)) this.words.recalls(signal);
  }

  async hearPair() {
    for await (const { session, signal } of this.#mine.heard()) await this.#heard(session, signal);
  }

  /** We are here, with so much. @param {string} receiver @param {number} held */
  async hello(receiver, held) {
    await this.#main.say({ type: "hello", receiver, name: this.name, held, suites: SUITES, version: KNOWS_MARKS });
  }

  /** @param {Signal} signal */
  say(signal) {
    return this.#mine.say(signal);
  }

  /** Nothing before we have met. @param {Signal} signal @param {number} [time] s @returns whether the server has it */
  async lastWords(signal, time) {
    return (await this.#pair?.lastWords(signal, time)) ?? false;
  }

  /** @returns {Conversation} */
  get #mine() {
    if (!this.#pair) throw new TypeError("they have not met");
    return this.#pair;
  }

  /** @param {string} session @param {Signal} signal */
  async #heard(session, signal) {
    const { hears, words } = this;
    for (const act of words.hears(seconds(), session, signal)) {
      if (act === "offered") hears.offered();
      else if (act === "came") await hears.came();
      else if (act === "other") {
        const why = "the sender offers something else under this link now; receive it again";
        throw new BurrowError("cancelled", why, { reason: "other-offer" });
      } else if (act === "look") hears.announced();
      else if (act === "cancelled") hears.cancelled(words.over ?? "", words.code);
      else if (act === "left") hears.left();
      else hears.direct(signal);
    }
  }
}

/** How the blocks of this offer are best sealed for us. cancelled: in no way that we know. @param {Offer} offer */
export function suiteOf(offer) {
  const suite = SUITES.find((each) => offer.suites.includes(each));
  if (!suite) throw new BurrowError("cancelled", "the sender seals in a way that this page does not know", { reason: "unknown-suite" });
  return suite;
}
