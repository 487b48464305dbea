/**
 * The greeting of core/frames.js over an open data channel. Twin of client/links/handshake.py. Spec: docs/spec/link.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Keys } from "../../core/frames.js"
 */

import { hex, joined } from "../../core/bytes.js";
import { BurrowError } from "../../core/errors.js";
import * as frames from "../../core/frames.js";
import { random, Wakeup } from "../runtime.js";

/** What a link is found and proven by, and which end this one is. @typedef {{tag: Bytes, key: Bytes, sender: boolean}} Ticket */
/** A proven channel. `hand`: what comes from now on, and what came already, goes there.
 * @typedef {{words: frames.Controls, keys: Keys, hand: (feed: (data: Uint8Array) => void) => void}} Greeted */

/** tampered, bad-request for a stranger; broken for a channel that ends. @param {RTCDataChannel} channel @param {Ticket} ticket @returns {Promise<Greeted>} */
export async function greet(channel, ticket) {
  /** @type {Bytes} */ let came = new Uint8Array(0);
  /** @type {((data: Uint8Array) => void) | null} */ let feed = null;
  const wakeup = new Wakeup();
  channel.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return channel.close(); // not what we speak
    const bytes = new Uint8Array(data);
    if (feed) return feed(bytes);
    came = joined(came, bytes);
    wakeup.set();
  };
  channel.onclose = () => wakeup.set();
  /** @param {number} size */
  const next = async (size) => {
    while (came.length < size) {
      if (channel.readyState !== "open") throw new BurrowError("broken", "the data channel has ended");
      await wakeup.wait();
    }
    const read = came.slice(0, size);
    came = came.slice(size);
    return read;
  };

  let keys;
  if (ticket.sender) {
    const hello = await next(frames.CLIENT_HELLO_BYTES);
    if (hex(frames.parseClientHello(hello)) !== hex(ticket.tag)) {
      throw new BurrowError("bad-request", "nobody here waits for that link");
    }
    const answer = frames.serverHello(ticket.key, hello, random(frames.NONCE));
    channel.send(answer);
    keys = frames.serverKeys(ticket.key, hello, answer, await next(frames.CLIENT_PROOF_BYTES));
  } else {
    const hello = frames.clientHello(ticket.tag, random(frames.NONCE));
    channel.send(hello);
    const answered = frames.clientProof(ticket.key, hello, await next(frames.SERVER_HELLO_BYTES));
    channel.send(answered.proof);
    keys = answered.keys;
  }
  return {
    words: ticket.sender ? frames.Controls.ofServer(keys) : frames.Controls.ofClient(keys),
    keys,
    hand: (to) => {
      feed = to;
      if (came.length) feed(came);
      came = came.subarray(0, 0);
    },
  };
}
