/**
 * Further connections of one link, where the line is long: what one SCTP association has under way is bounded, so over
 * a long round trip one connection is slow however wide the line is, and a second channel in it gains nothing.
 *
 * The receiver offers, over the link itself, once it is asked for enough; the sender answers each number once. Each is a
 * stream of the link from its greeting on; one that never comes to that costs nothing, one that breaks later ends the
 * link. Spec: docs/spec/paths.md.
 *
 * @import { Keys } from "../../core/frames.js"
 * @import { Stream as Word } from "../../core/signals.js"
 * @import { Ticket } from "./handshake.js"
 * @import { Link } from "./link.js"
 */

import { streamTag } from "../../core/frames.js";
import { greet } from "./handshake.js";
import { described, LABEL, opened, ORDERED, roundTrip } from "./peer.js";

export const MOST = 4; // connections of one link in all
const FAR_S = 0.02; // there and back, from which on one connection is slow
const WORTH = 64; // blocks (16 MiB) still to come: fewer are here before the others are up
const GATHER_S = 1.5; // all candidates are in the description: none is said later
const DEADLINE_S = 15; // from the offer to the greeted channel

export class ParallelStreams {
  /** Those of each number that was ever tried. @type {Map<number, RTCPeerConnection>} */ #peers = new Map();
  /** @type {Set<ReturnType<typeof setTimeout>>} */ #timers = new Set();
  #looked = false;
  #closed = false;

  /**
   * @param {object} how
   * @param {Link} how.link
   * @param {RTCPeerConnection} how.first
   * @param {RTCConfiguration} how.how as the first was made
   * @param {Ticket} how.ticket of the first
   * @param {Keys} how.keys of the first
   * @param {number} how.most connections in all that both ends take
   */
  constructor(how) {
    this.how = how;
  }

  /** So many blocks are still to be asked for. @param {number} left */
  asked(left) {
    const { ticket, most } = this.how;
    if (ticket.sender || this.#looked || most < 2 || left < WORTH) return;
    this.#looked = true; // before there is a load: a queue that fills up makes no line long
    this.#look().catch(() => undefined);
  }

  /** What the other end says of one. @param {Word} word */
  heard({ n, kind, sdp }) {
    const { ticket, most } = this.how;
    if (this.#closed || n >= most) return;
    const peer = this.#peers.get(n);
    if (kind === "offer") {
      if (ticket.sender && !peer) this.#try(n, (made) => this.#answer(n, made, sdp));
    } else if (peer?.signalingState === "have-local-offer") {
      peer.setRemoteDescription({ type: "answer", sdp }).catch(() => peer.close());
    }
  }

  close() {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer); // of attempts that will never end
    for (const peer of this.#peers.values()) peer.close();
  }

  async #look() {
    const far = (await roundTrip(this.how.first)) ?? 0;
    if (far < FAR_S) return;
    for (let n = 1; n < this.how.most && !this.#closed; n++) this.#try(n, (peer) => this.#offer(n, peer));
  }

  /** @param {number} n @param {(peer: RTCPeerConnection) => Promise<RTCDataChannel>} how */
  #try(n, how) {
    const peer = new RTCPeerConnection(this.how.how);
    this.#peers.set(n, peer);
    const timer = setTimeout(() => peer.close(), DEADLINE_S * 1000);
    this.#timers.add(timer);
    how(peer)
      .then((channel) => this.#join(n, peer, channel))
      .catch(() => peer.close())
      .finally(() => clearTimeout(timer));
  }

  /** @param {number} n @param {RTCPeerConnection} peer */
  async #offer(n, peer) {
    const channel = opened(peer.createDataChannel(LABEL, ORDERED));
    await this.#say(n, peer, await peer.createOffer());
    return channel;
  }

  /** @param {number} n @param {RTCPeerConnection} peer @param {string} sdp */
  async #answer(n, peer, sdp) {
    /** @type {Promise<RTCDataChannel>} */ const channel = new Promise((resolve) => {
      peer.ondatachannel = (event) => resolve(opened(event.channel));
    });
    await peer.setRemoteDescription({ type: "offer", sdp });
    await this.#say(n, peer, await peer.createAnswer());
    return channel;
  }

  /** @param {number} n @param {RTCPeerConnection} peer @param {RTCSessionDescriptionInit} own */
  async #say(n, peer, own) {
    const { type, sdp } = await described(peer, own, GATHER_S);
    this.how.link.send({ type: "stream", n, kind: type, sdp });
  }

  /** @param {number} n @param {RTCPeerConnection} peer @param {RTCDataChannel} channel */
  async #join(n, peer, channel) {
    const { link, ticket, keys } = this.how;
    const { words, hand } = await greet(channel, { ...ticket, tag: streamTag(keys, n) });
    const stream = link.addStream(channel, words);
    hand((data) => stream.feed(data));
    peer.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(peer.connectionState)) link.close("one of its connections was lost");
    };
  }
}
