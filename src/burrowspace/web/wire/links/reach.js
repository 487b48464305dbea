/**
 * How one end gets direct links to the other: an attempt for a path, and the answers to the other end's. Twin of
 * client/links/reach.py, with what a browser can do: WebRTC, with and without TURN. It decides nothing.
 *
 * @import { Outside } from "../../core/outside.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Ice, Sdp, Signal } from "../../core/signals.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Link } from "./link.js"
 * @import { Options } from "../options.js"
 * @import { Ticket } from "./handshake.js"
 */

import { BurrowError } from "../../core/errors.js";
import { isTurn } from "../../core/outside.js";
import { seconds, within } from "../runtime.js";
import { hasWebRtc, Rtc } from "./webrtc.js";

const FRESH_S = 60; // credentials that end sooner are renewed before an attempt with them
const RENEW_S = 5;
const EVERY_S = 1; // at most one answer to an offer in so long
const CANDIDATES = 64; // that are kept while an answer is prepared

export class Reach {
  /** The attempt under way for each kind. @type {Map<string, Rtc>} */ #attempts = new Map();
  /** Said while an answer is prepared. @type {(Sdp | Ice)[] | null} */ #early = null;
  #answered = -EVERY_S;
  #closed = false;

  /**
   * @param {object} how
   * @param {Ticket} how.ticket
   * @param {Options} how.options
   * @param {Outside} how.around
   * @param {() => Promise<Outside>} how.renew asks the server again of the outside
   * @param {Suite} how.suite
   * @param {number} how.batchFrom
   * @param {(signal: Signal) => Promise<void>} how.say
   * @param {(link: Link) => void} how.add is called with each link that comes in
   */
  constructor(how) {
    this.how = how;
  }

  /** The paths that this end can make at all. @returns {Path[]} */
  get possible() {
    const { options, around } = this.how;
    /** @type {Path[]} */ const found = ["relay", "store"];
    if (hasWebRtc() && options.webrtc !== false && !options.relayOnly) {
      found.push("webrtc");
      if (around.servers.some(isTurn)) found.push("turn");
    }
    return found;
  }

  /** What the other end says of where it is. @param {Signal} signal */
  heard(signal) {
    if ((signal.type !== "sdp" && signal.type !== "ice") || !this.possible.includes("webrtc")) return;
    if (signal.type === "sdp" && signal.kind === "offer") {
      if (this.how.ticket.sender) this.#answer(signal);
      return;
    }
    if (this.#early) {
      if (this.#early.length <= CANDIDATES) this.#early.push(signal);
    } else for (const attempt of this.#attempts.values()) attempt.hear(signal);
  }

  /** A link of this kind, made from here. broken and more where it cannot be. @param {Path} path @returns {Promise<Link>} */
  async make(path) {
    if (path !== "webrtc" && path !== "turn") throw new BurrowError("broken", "a browser has no such path");
    await this.#fresh();
    return this.#begin(path).link();
  }

  close() {
    this.#closed = true;
    for (const attempt of this.#attempts.values()) attempt.close();
  }

  /** @param {Sdp} offer */
  #answer(offer) {
    if (seconds() - this.#answered < EVERY_S || this.#closed) return; // the other end could ask without end
    if (offer.relayed && this.how.options.directOnly) return;
    this.#answered = seconds();
    this.#take(offer).then(this.how.add, () => undefined);
  }

  /** @param {Sdp} offer */
  async #take(offer) {
    /** @type {(Sdp | Ice)[]} */ const early = (this.#early = [offer]);
    await this.#fresh();
    const attempt = this.#begin(offer.relayed ? "turn" : "webrtc");
    for (const signal of early) attempt.hear(signal);
    if (this.#early === early) this.#early = null;
    return attempt.link();
  }

  /** Renews credentials that are about to end; where that fails, the attempt is made with what there is. A connection that
   * runs needs none: coturn reads them when it begins. */
  async #fresh() {
    const { until } = this.how.around;
    if (until === null || seconds() < until - FRESH_S) return;
    const renewed = await within(RENEW_S, this.how.renew(), null);
    if (renewed) this.how.around = renewed;
  }

  /** @param {"webrtc" | "turn"} kind */
  #begin(kind) {
    const { ticket, around, suite, batchFrom, say } = this.how;
    // Through TURN's servers a "webrtc" link would be no direct one, and would displace the relay that is cheaper.
    const servers = kind === "turn" ? around.servers : around.servers.filter((each) => !isTurn(each));
    if (this.#closed) throw new BurrowError("broken", "it has ended");
    this.#attempts.get(kind)?.close();
    const attempt = new Rtc({ ticket, say, servers, suite, batchFrom, turn: kind === "turn" });
    this.#attempts.set(kind, attempt);
    return attempt;
  }
}
