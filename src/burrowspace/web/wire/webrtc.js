/**
 * WebRTC links: one data channel, ordered and reliable, with the greeting and the frames of every link inside. Twin of
 * client/link_webrtc.py, over the browser's own RTCPeerConnection.
 *
 * The receiver offers, the sender answers; descriptions and candidates travel as sealed signals, so the DTLS
 * fingerprints in them are the other end's, and the greeting inside proves it once more. Spec: docs/spec/paths.md.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Ice, Sdp } from "../core/signals.js"
 * @import { Suite } from "../core/sealing.js"
 */

import { hex, joined } from "../core/bytes.js";
import { BurrowError } from "../core/errors.js";
import * as frames from "../core/frames.js";
import { ours, random } from "./ambient.js";
import { Link } from "./link.js";

const DEADLINE_S = 15; // from the first signal to the greeted channel
const GATHER_S = 0.15; // for which candidates are put into the description itself
const CANDIDATES = 64; // of the other side; what it says beyond that is not tried

/** What a link is found and proven by, and which end this one is. @typedef {{tag: Bytes, key: Bytes, sender: boolean}} Pass */

/** Whether this browser has WebRTC at all. */
export function hasWebRtc() {
  return typeof RTCPeerConnection !== "undefined";
}

/** One attempt at a WebRTC link. Give it the other side's signals by `hear`, wait for `link`. */
export class Rtc {
  /** @type {RTCPeerConnection} */ #peer;
  /** Candidates that came before the description. @type {Ice[] | null} */ #early = [];
  #heard = 0;
  /** @type {(channel: RTCDataChannel) => void} */ #open = () => undefined;
  /** @type {Promise<RTCDataChannel>} */ #channel;
  /** @type {(error: BurrowError) => void} */ #fail = () => undefined;
  /** @type {Promise<never>} */ #failed;
  #described = false; // candidates that are found from now on are said one by one

  /**
   * @param {object} how
   * @param {Pass} how.ticket
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
    this.#peer = new RTCPeerConnection({ iceServers: [...how.servers], iceTransportPolicy });
    this.#peer.onicecandidate = ({ candidate }) => {
      if (this.#described) this.#say(iceOf(candidate));
    };
    this.#peer.ondatachannel = ({ channel }) => this.#take(channel);
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
    this.#peer.close();
    this.#fail(noWay());
  }

  async #whole() {
    if (!this.how.ticket.sender) {
      this.#take(this.#peer.createDataChannel("burrow/1", { ordered: true }));
      await this.#describe(await this.#peer.createOffer());
    }
    const channel = await this.#channel;
    return greet(channel, this.how.ticket, this.how.turn ? "turn" : "webrtc", this.how.suite, this.how.batchFrom);
  }

  /** Says how this end can be reached, with the candidates that are found at once. @param {RTCSessionDescriptionInit} own */
  async #describe(own) {
    await this.#peer.setLocalDescription(own);
    await /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(resolve, GATHER_S * 1000);
        this.#peer.onicegatheringstatechange = () => {
          if (this.#peer.iceGatheringState !== "complete") return;
          clearTimeout(timer);
          resolve();
        };
      })
    );
    const { type, sdp } = this.#peer.localDescription ?? own;
    this.#described = true;
    const kind = type === "offer" ? "offer" : "answer";
    await this.how.say({ type: "sdp", kind, sdp: sdp ?? "", relayed: kind === "offer" && this.how.turn });
  }

  /** @param {RTCDataChannel} channel */
  #take(channel) {
    channel.binaryType = "arraybuffer";
    if (channel.readyState === "open") this.#open(channel);
    else channel.onopen = () => this.#open(channel);
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

/** The greeting over an open channel, then the link. tampered, bad-request for a stranger.
 * @param {RTCDataChannel} channel @param {Pass} ticket @param {"webrtc" | "turn"} kind @param {Suite} suite @param {number} batchFrom */
async function greet(channel, ticket, kind, suite, batchFrom) {
  /** @type {Bytes} */ let came = new Uint8Array(0);
  /** @type {Link | null} */ let link = null;
  let wake = () => {};
  channel.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return channel.close(); // not what we speak
    const bytes = new Uint8Array(data);
    if (link) return link.feed(bytes);
    came = joined(came, bytes);
    wake();
  };
  channel.onclose = () => wake();
  /** @param {number} size */
  const next = async (size) => {
    while (came.length < size) {
      if (channel.readyState !== "open") throw new BurrowError("broken", "the data channel has ended");
      await /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)));
    }
    const read = came.slice(0, size);
    came = came.slice(size);
    return read;
  };

  let words;
  if (ticket.sender) {
    const hello = await next(frames.CLIENT_HELLO_BYTES);
    if (hex(frames.parseClientHello(hello)) !== hex(ticket.tag)) {
      throw new BurrowError("bad-request", "nobody here waits for that link");
    }
    const answer = frames.serverHello(ticket.key, hello, random(frames.NONCE));
    channel.send(answer);
    const proof = await next(frames.CLIENT_PROOF_BYTES);
    words = frames.Controls.ofServer(frames.serverKeys(ticket.key, hello, answer, proof));
  } else {
    const hello = frames.clientHello(ticket.tag, random(frames.NONCE));
    channel.send(hello);
    const { proof, keys } = frames.clientProof(ticket.key, hello, await next(frames.SERVER_HELLO_BYTES));
    channel.send(proof);
    words = frames.Controls.ofClient(keys);
  }
  link = new Link(channel, words, kind, suite);
  link.batchFrom = batchFrom;
  if (came.length) link.feed(came);
  return link;
}
