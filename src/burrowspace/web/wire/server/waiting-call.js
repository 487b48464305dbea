/**
 * One waiting call for everything that a page waits for: a browser opens six connections to a host, and blocks need them.
 *
 * Whoever waits joins the one request that is under way. Who comes or goes on to a later message makes it be asked
 * again, so a burst of them costs one. Where it is more than one call may wait for, they take turns. The tab that leads
 * adds what the other tabs wait for in the same way (tabs.js). Spec: docs/spec/changes.md.
 *
 * @import { Changes, Wish } from "../../core/changes.js"
 */

import { about, count, fits, joined } from "../../core/changes.js";
import { seconds } from "../runtime.js";

const WAIT_MOST_S = 50; // that the server may be asked to wait
const SLICE_S = 1; // of a request, where there are more things than one may name
const SETTLE_S = 0.02; // for those who are about to come, after an answer and after a request began

/** Waits up to `wait` s for something beyond the wish; empty if there is nothing yet.
 * @typedef {(wish: Wish, wait: number, signal: AbortSignal) => Promise<Changes>} Ask */

/**
 * @typedef {object} Waiter
 * @property {Wish} wish
 * @property {number} until s, by seconds()
 * @property {(changes: Changes) => void} resolve
 * @property {(error: unknown) => void} reject
 */

export class WaitingCall {
  /** The next to be asked first. @type {Waiter[]} */ #waiters = [];
  /** What is under way. @type {{cut: AbortController, since: number} | null} */ #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #soon = false; // it will be asked in a moment

  /** @param {Ask} upstream who makes the one request */
  constructor(upstream) {
    this.upstream = upstream;
  }

  /** What there is beyond the wish, waiting up to `wait` s for it. Errors are the request's, for all who wait; an abort
   * is the caller's alone. @param {Wish} wish @param {number} wait s @param {AbortSignal} [signal] @returns {Promise<Changes>} */
  async ask(wish, wait, signal) {
    if (signal?.aborted) throw signal.reason;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#release(waiter);
        if (!this.#waiters.length) this.#asking?.cut.abort();
        else if (Object.keys(wish.nearby).length) this.#joined(); // a device is seen for as long as it is waited for
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", leave);
      /** @type {Waiter} */ const waiter = {
        wish,
        until: seconds() + Math.min(wait, WAIT_MOST_S),
        resolve: (changes) => (done(), resolve(changes)),
        reject: (error) => (done(), reject(error)),
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiters.unshift(waiter);
      this.#joined();
    });
  }

  /** Somebody came: it is asked again with them, and with all who come in the same moment. */
  #joined() {
    if (this.#soon) return;
    if (!this.#asking) return this.#inAMoment();
    if (this.#timer !== undefined || !fits(wishOf(this.#waiters))) return; // their turn comes
    const age = seconds() - this.#asking.since;
    if (age >= SETTLE_S) this.#inAMoment();
    else this.#later(SETTLE_S - age);
  }

  #inAMoment() {
    this.#soon = true;
    queueMicrotask(() => this.#next());
  }

  /** @param {number} time s */
  #later(time) {
    this.#timer = setTimeout(() => this.#next(), time * 1000);
  }

  #next() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#soon = false;
    this.#asking?.cut.abort();
    this.#asking = null;
    if (this.#waiters.length) void this.#request();
  }

  async #request() {
    const asking = { cut: new AbortController(), since: seconds() };
    this.#asking = asking;
    const asked = fitting(this.#waiters);
    const turns = asked.length < this.#waiters.length;
    const left = Math.ceil(Math.min(...asked.map((each) => each.until)) - seconds());
    try {
      const changes = await this.upstream(wishOf(asked), turns ? SLICE_S : Math.max(1, left), asking.cut.signal);
      if (this.#asking !== asking) return; // another one has taken its place; reading consumes nothing
      this.#answered(asked, changes, turns);
    } catch (error) {
      if (this.#asking !== asking) return;
      if (!asking.cut.signal.aborted) for (const waiter of asked) this.#release(waiter)?.reject(error); // else everybody had left
    }
    this.#asking = null;
    if (this.#waiters.length && !this.#soon && this.#timer === undefined) this.#later(SETTLE_S);
  }

  /** Who is answered gets it; who is not waits on until its time is over, and where nobody is answered, it is over for all.
   * @param {Waiter[]} asked @param {Changes} changes @param {boolean} turns */
  #answered(asked, changes, turns) {
    const over = !turns && !count(changes);
    for (const waiter of asked) {
      const mine = about(waiter.wish, changes);
      if (count(mine) || over || seconds() >= waiter.until) this.#release(waiter)?.resolve(mine);
    }
    if (!turns) return;
    const last = new Set(asked);
    this.#waiters.sort((one, other) => Number(last.has(one)) - Number(last.has(other)));
  }

  /** Takes it off the list; null where it had left. @param {Waiter} waiter */
  #release(waiter) {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return null;
    this.#waiters.splice(at, 1);
    return waiter;
  }
}

/** @param {Waiter[]} waiters */
function wishOf(waiters) {
  return joined(waiters.map(({ wish }) => wish));
}

/** Those whose turn it is: as many as one request may name, and one at least. @param {Waiter[]} waiters */
function fitting(waiters) {
  if (fits(wishOf(waiters))) return [...waiters];
  /** @type {Waiter[]} */ const chosen = [];
  for (const each of waiters) if (!chosen.length || fits(wishOf([...chosen, each]))) chosen.push(each);
  return chosen;
}
