/**
 * A sealed conversation of two ends in one mailbox, over whatever outages the server has. Twin of
 * client/rendezvous/conversation.py.
 *
 * What is said is said once it is in the mailbox; what is heard comes in order, each message once. Nothing here knows
 * what the words mean. Spec: docs/spec/signalling.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Role, Signal } from "../../core/signals.js"
 * @import { Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { Channel, SESSION_BYTES } from "../../core/signals.js";
import { random, seconds, sleep, within } from "../runtime.js";
import { Reader, RETRY_MOST_S, RETRY_S } from "./reader.js";

const LAST_WORDS_S = 1;
const NONCE = 12;
const BUSY_S = 60; // the server counts messages by the minute
const KEPT = 256; // messages that stay in a mailbox that had become full
const AWAY = [429, 500, 502, 503, 504]; // the server, or what stands before it, is not itself

/** @typedef {{session: string, signal: Signal}} Heard */

/** `session`: this program's run, the same in all its mailboxes. `away`: the server cannot be reached now. */
export class Conversation {
  away = false;
  /** @type {Server} */ #server;
  /** @type {Channel} */ #channel;
  /** @type {Promise<unknown>} */ #saying = Promise.resolve();
  /** @type {AbortSignal} */ #ends;
  /** @type {Reader} */ #reader;

  /** @param {Server} server @param {Uint8Array} secret @param {string} mailbox @param {Role} role @param {Bytes} session
   * @param {AbortSignal} ends ends all that waits here */
  constructor(server, secret, mailbox, role, session, ends) {
    this.mailbox = mailbox;
    this.session = session;
    this.#server = server;
    this.#reader = new Reader(server, mailbox);
    this.#channel = new Channel(secret, mailbox, role, session);
    this.#ends = ends;
  }

  /** A new session. */
  static session() {
    return random(SESSION_BYTES);
  }

  /** Leaves a message, however long the server takes to come back. refused: it does not want it, or too many of our address
   * have said too much for BUSY_S.
   * @param {Signal} signal @param {AbortSignal} [ends] instead of the conversation's own @returns {Promise<void>} */
  say(signal, ends = this.#ends) {
    const said = this.#saying.then(() => this.#say(signal, ends));
    this.#saying = said.catch(() => undefined);
    return said;
  }

  /** Says it before all ends, if the server takes it within `time` s: an earlier word may wait for it.
   * @param {Signal} signal @param {number} [time] @returns {Promise<boolean>} whether it did */
  async lastWords(signal, time = LAST_WORDS_S) {
    return within(time, this.say(signal, AbortSignal.timeout(time * 1000)).then(() => true), false);
  }

  /** @param {Signal} signal @param {AbortSignal} ends */
  async #say(signal, ends) {
    const message = await this.#channel.seal(signal, random(NONCE));
    const busyUntil = seconds() + BUSY_S;
    let delay = RETRY_S;
    for (let trimmed = false; ; ) {
      if (ends.aborted) throw ends.reason;
      try {
        await this.#server.post(this.mailbox, message, { keepalive: message.length < 16384 }); // twice is once: the counter
        this.away = false;
        return;
      } catch (error) {
        if (!(error instanceof BurrowError)) throw error;
        if (error.code === "unreachable") {
          this.away = true;
          await sleep(delay, ends);
          delay = Math.min(2 * delay, RETRY_MOST_S);
        } else if (isFull(error) && !trimmed) {
          trimmed = true;
          await this.#server.trimMailbox(this.mailbox, Math.max(0, this.#reader.after - KEPT));
        } else if (error.fields.status === 429 && seconds() < busyUntil) {
          await sleep(delay, ends);
          delay = Math.min(2 * delay, RETRY_MOST_S);
        } else throw error;
      }
    }
  }

  /** What the other end says, from the mailbox's first message on. Never ends by itself; throws when `ends` is aborted.
   * @returns {AsyncGenerator<Heard, never>} */
  async *heard() {
    const away = (/** @type {boolean} */ is) => (this.away = is);
    for (;;) yield* this.#opened(await this.#reader.wait(this.#ends, isAway, away));
  }

  /** What lies there now, without waiting for news; for the server however long it takes. refused.
   * @param {() => void} [away] is called each time that it does not answer @returns {Promise<Heard[]>} */
  async soFar(away) {
    /** @type {Heard[]} */ const told = [];
    for (;;) {
      const ask = () => this.#reader.next(0, this.#ends);
      const found = await patiently(ask, this.#ends, away);
      if (!found.length) return told;
      for await (const each of this.#opened(found)) told.push(each);
    }
  }

  /** @param {{number: number, body: Bytes}[]} found @returns {AsyncGenerator<Heard, void>} */
  async *#opened(found) {
    for (const { body } of found) {
      let heard;
      try {
        heard = await this.#channel.open(body);
      } catch (error) {
        if (!(error instanceof BurrowError)) throw error;
        continue; // our own, or a stranger's
      }
      yield heard;
    }
  }
}

/** What `call` gives, however long the server takes to come back; `away` is called each time that it does not.
 * @template T @param {() => Promise<T>} call @param {AbortSignal} ends @param {() => void} [away]
 * @returns {Promise<T>} */
export async function patiently(call, ends, away) {
  for (let delay = RETRY_S; ; delay = Math.min(2 * delay, RETRY_MOST_S)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof BurrowError) || error.code !== "unreachable") throw error;
      away?.();
      await sleep(delay, ends);
    }
  }
}

/** Whether the mailbox has no room: its oldest messages are of runs that are long over. @param {BurrowError} error */
function isFull(error) {
  return (error.fields.said === "too-many" || error.fields.said === "too-large") && error.sentence.includes("trim");
}

/** Whether the server, or what stands before it, is not itself: it may come back. @param {BurrowError} error */
function isAway({ code, fields }) {
  return code === "unreachable" || code === "missing" || AWAY.includes(/** @type {number} */ (fields.status));
}
