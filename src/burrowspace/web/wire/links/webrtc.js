/**
 * WebRTC links: one data channel, ordered and reliable, with the greeting and the frames of every link inside. Twin of
 * client/links/link_webrtc.py, over the browser's own RTCPeerConnection. More than one, on long lines: parallel-streams.js.
 *
 * The receiver offers, the sender answers; descriptions and candidates travel as sealed signals, so the DTLS
 * fingerprints in them are the other end's, and the greeting inside proves it once more. Spec: docs/spec/paths.md.
 *
 * @import { Ice, Sdp } from "../../core/signals.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Ticket } from "./handshake.js"
 */

import { BurrowError } from "../../core/errors.js";
import { ours } from "../runtime.js";
import { ParallelStreams, MOST } from "./parallel-streams.js";
import { greet } from "./handshake.js";
import { Link } from "./link.js";
import { described, LABEL, opened, ORDERED } from "./peer.js";

const DEADLINE_S = 15; // from the first signal to the greeted channel
const GATHER_S = 0.15; // for which candidates are put into the description itself
const CANDIDATES = 64; // of the other side; what it says beyond that is not tried

/** Whether this browser has WebRTC at all. */
export function hasWebRtc() {
  return typeof RTCPeerConnection !== "undefined";
}

/** One attempt at a WebRTC link. Give it the other side's signals by `hear`, wait for `link`. */
export class Rtc {
  /** @type {RTCConfiguration} */ #how;
  /** @type {RTCPeerConnection} */ #peer;
  /** Candidates that came before the description. @type {Ice[] | null} */ #early = [];
  #heard = 0;
  /** @type {(channel: Promise<RTCDataChannel>) => void} */ #open = () => undefined;
  /** @type {Promise<RTCDataChannel>} */ #channel;
  /** @type {(error: BurrowError) => void} */ #fail = () => undefined;
  /** @type {Promise<never>} */ #failed;
  #described = false; // candidates that are found from now on are said one by one
  #connections = 1; // that the other end takes for one link
  /** @type {ParallelStreams | null} */ #further = null;

  /**
   * @param {object} how
   * @param {Ticket} how.ticket
   * @param {(signal: Sdp | Ice) => Promise<void>} how.say
   * @param {readonly RTCIceServer[]} how.servers
   * @param {boolean} how.turn a "turn" link, which may go through a TURN server: who makes it names relay candidates alone
   * @param {Suite} how.suite
   * @param {number} how.batchFrom the first position of the pack
   */
  constructor(how) {
    this.how = how;
    this.#channel = new Promise((resolve) => (this.#open = resolve));
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
    const iceTransportPolicy = how.turn && !how.ticket.sender ? "relay" : "all";
    this.#peer = new RTCPeerConnection((this.#how = { iceServers: [...how.servers], iceTransportPolicy }));
    this.#peer.onicecandidate = ({ candidate }) => {
      if (this.#described) this.#say(iceOf(candidate));
    };
    this.#peer.ondatachannel = ({ channel }) => this.#open(opened(channel));
    this.#peer.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(this.#peer.connectionState)) this.#fail(noWay());
    };
  }

  /** A signal of the other side; what cannot be read is as if it was not said. @param {Sdp | Ice} signal */
  hear(signal) {
    this.#hear(signal).catch(() => undefined);
  }

  /** Signals, connects, greets. broken, tampered, bad-request; then all is closed again. @returns {Promise<Link>} */
  async link() {
    const timer = setTimeout(() => this.#fail(noWay()), DEADLINE_S * 1000);
    try {
      const link = await Promise.race([this.#whole(), this.#failed]);
      link.closed.then(() => setTimeout(() => this.close(), 1000)); // after its last words
      this.#peer.onconnectionstatechange = () => {
        if (["failed", "closed"].includes(this.#peer.connectionState)) link.close("the connection was lost");
      };
      return link;
    } catch (error) {
      this.close();
      throw ours(error);
    } finally {
      clearTimeout(timer);
    }
  }

  close() {
    this.#further?.close();
    this.#peer.close();
    this.#fail(noWay());
  }

  async #whole() {
    if (!this.how.ticket.sender) {
      this.#open(opened(this.#peer.createDataChannel(LABEL, ORDERED)));
      await this.#describe(await this.#peer.createOffer());
    }
    const { ticket, turn, suite, batchFrom } = this.how;
    const channel = await this.#channel;
    const { words, keys, hand } = await greet(channel, ticket);
    const link = new Link(channel, words, turn ? "turn" : "webrtc", suite);
    link.batchFrom = batchFrom;
    const most = turn ? 1 : ticket.sender ? MOST : this.#connections;
    this.#further = link.widening = new ParallelStreams({ link, first: this.#peer, how: this.#how, ticket, keys, most });
    hand((data) => link.feed(data));
    return link;
  }

  /** Says how this end can be reached, with the candidates that are found at once. @param {RTCSessionDescriptionInit} own */
  async #describe(own) {
    const { type, sdp } = await described(this.#peer, own, GATHER_S);
    this.#described = true;
    const { turn } = this.how;
    if (type === "offer") await this.how.say({ type: "sdp", kind: "offer", sdp, relayed: turn });
    else await this.how.say({ type: "sdp", kind: "answer", sdp, relayed: false, connections: turn ? 1 : MOST });
  }

  /** @param {Sdp | Ice} signal */
  async #hear(signal) {
    if (signal.type === "ice") {
      this.#heard += 1;
      if (this.#heard > CANDIDATES) return;
      if (this.#early) this.#early.push(signal);
      else await this.#add(signal);
      return;
    }
    if ((signal.kind === "offer") !== this.how.ticket.sender || !this.#early) return;
    await this.#peer.setRemoteDescription({ type: signal.kind, sdp: signal.sdp });
    this.#connections = Math.min(signal.connections ?? 1, MOST);
    const early = this.#early;
    this.#early = null;
    if (signal.kind === "offer") await this.#describe(await this.#peer.createAnswer());
    for (const each of early) await this.#add(each).catch(() => undefined);
  }

  /** @param {Ice} found */
  async #add({ candidate, mid, line }) {
    if (!candidate) return;
    await this.#peer.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: mid === null && line === null ? 0 : line });
  }

  /** @param {Sdp | Ice} signal */
  #say(signal) {
    this.how.say(signal).catch((error) => this.#fail(ours(error)));
  }
}

/** @param {RTCIceCandidate | null} found @returns {Ice} an empty one says that there are no more */
function iceOf(found) {
  return { type: "ice", candidate: found?.candidate ?? "", mid: found?.sdpMid ?? null, line: found?.sdpMLineIndex ?? null };
}

function noWay() {
  return new BurrowError("broken", "WebRTC found no way to the other side");
}
