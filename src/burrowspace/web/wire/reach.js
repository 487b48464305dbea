/**
 * How one end gets direct links to the other: an attempt for a path, and the answers to the other end's. Twin of
 * client/reach.py, with what a browser can do: WebRTC, with and without TURN. It decides nothing.
 *
 * @import { Path } from "../core/paths.js"
 * @import { Ice, Sdp, Signal } from "../core/signals.js"
 * @import { Suite } from "../core/sealing.js"
 * @import { Link } from "./link.js"
 * @import { Pass } from "./webrtc.js"
 */

import { BurrowError } from "../core/errors.js";
import { seconds } from "./ambient.js";
import { hasWebRtc, Rtc } from "./webrtc.js";

const EVERY_S = 1; // at most one answer to an offer in so long
const SERVERS = 16;

/** What a person allows. `store`: the rest may lie on the server. `receivers`: the sender has ended after so many have
 * verified; null: never. @typedef {{relayOnly?: boolean, directOnly?: boolean, store?: boolean, storeNow?: boolean, receivers?: number | null,
 *   webrtc?: boolean}} Options */

export class Reach {
  /** The attempt under way for each kind. @type {Map<string, Rtc>} */ #attempts = new Map();
  #answered = -EVERY_S;
  #closed = false;

  /**
   * @param {object} how
   * @param {Pass} how.ticket
   * @param {Options} how.options
   * @param {readonly RTCIceServer[]} how.servers
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
    const { options, servers } = this.how;
    /** @type {Path[]} */ const found = ["relay", "store"];
    if (hasWebRtc() && options.webrtc !== false && !options.relayOnly) {
      found.push("webrtc");
      if (servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)))) found.push("turn");
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
    for (const attempt of this.#attempts.values()) attempt.hear(signal);
  }

  /** A link of this kind, made from here. broken and more where it cannot be. @param {Path} path @returns {Promise<Link>} */
  async make(path) {
    if (path !== "webrtc" && path !== "turn") throw new BurrowError("broken", "a browser has no such path");
    return this.#begin(path).link();
  }

  close() {
    this.#closed = true;
    for (const attempt of this.#attempts.values()) attempt.close();
  }

  /** @param {Sdp} offer */
  #answer(offer) {
    if (seconds() - this.#answered < EVERY_S || this.#closed) return; // the other end could ask without end
    this.#answered = seconds();
    const attempt = this.#begin("webrtc");
    attempt.hear(offer);
    attempt.link().then(this.how.add, () => undefined);
  }

  /** @param {"webrtc" | "turn"} kind */
  #begin(kind) {
    const { ticket, servers, suite, batchFrom, say } = this.how;
    this.#attempts.get(kind)?.close();
    const attempt = new Rtc({ ticket, say, servers, suite, batchFrom, relayed: kind === "turn" });
    this.#attempts.set(kind, attempt);
    return attempt;
  }
}

/** STUN and TURN servers of `GET /hello`; what cannot be read there is as if it was not said.
 * @param {Record<string, unknown>} hello @returns {RTCIceServer[]} */
export function iceServers(hello) {
  const said = Array.isArray(hello.ice_servers) ? hello.ice_servers.slice(0, SERVERS) : [];
  return said.flatMap((each) => {
    const urls = [each?.urls ?? []].flat().filter((url) => typeof url === "string");
    const { username, credential } = each ?? {};
    return urls.length ? [{ urls, ...(username ? { username, credential } : {}) }] : [];
  });
}
