/**
 * One waiting call for all mailboxes of a page: a browser opens six connections to a host, and blocks need them.
 *
 * Whoever waits for a mailbox's news joins the one request that is under way. Who comes or goes on to a later message
 * makes it be asked again, so a burst of them costs one. More than MOST mailboxes take turns. A server that has no such
 * call gets a call for each. Spec: docs/spec/mailboxes.md.
 *
 * @import { Found, News } from "../../core/mailbox-news.js"
 */

import { BurrowError } from "../../core/errors.js";
import { newsFor } from "../../core/mailbox-news.js";
import { seconds } from "../runtime.js";

const MOST = 64; // mailboxes in one request
const WAIT_MOST_S = 50; // that the server may be asked to wait
const SLICE_S = 1; // of a request, where there are more mailboxes than one may name
const SETTLE_S = 0.02; // for those who are about to come, after an answer and after a request began
const ID = /^[0-9a-f]{32}$/;
const OLDER = [400, 404, 405, 415]; // what a server without the call says to it

/** Asks the server to wait up to `wait` s for news beyond each number: by mailbox, null where there is none.
 * @typedef {(mailboxes: Record<string, number>, wait: number, signal: AbortSignal) => Promise<Record<string, Found | null>>} Ask */
/** The same for one, in a call of its own. @typedef {(mailbox: string, after: number, wait: number, signal?: AbortSignal) => Promise<News | null>} One */

/**
 * @typedef {object} Waiter
 * @property {string} mailbox
 * @property {number} after
 * @property {number} until s, by seconds()
 * @property {AbortSignal} [signal]
 * @property {(news: News | null | Promise<News | null>) => void} resolve
 * @property {(error: unknown) => void} reject
 */

export class MailboxPoller {
  /** The next to be asked first. @type {Waiter[]} */ #waiters = [];
  /** What is under way. @type {{cut: AbortController, since: number} | null} */ #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #soon = false; // it will be asked in a moment
  #tried = false; // the server has answered such a call
  #older = false; // it has no such call

  /** @param {Ask} ask @param {One} one */
  constructor(ask, one) {
    this.ask = ask;
    this.one = one;
  }

  /** What lies beyond `after`, waiting up to `wait` s for it; empty if there is none yet, null where there is no such
   * mailbox. Errors are the request's, for all who wait; an abort is the caller's alone. @param {string} mailbox 32
   * hex digits @param {number} after @param {number} wait s @param {AbortSignal} [signal]
   * @returns {Promise<News | null>} */
  async read(mailbox, after, wait, signal) {
    if (signal?.aborted) throw signal.reason;
    if (this.#older || !ID.test(mailbox)) return this.one(mailbox, after, wait, signal);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#release(waiter);
        if (!this.#waiters.length) this.#asking?.cut.abort();
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", leave);
      /** @type {Waiter} */ const waiter = {
        mailbox,
        after,
        until: seconds() + Math.min(wait, WAIT_MOST_S),
        signal,
        resolve: (news) => (done(), resolve(news)),
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
    if (this.#timer !== undefined || boxes(this.#waiters).size > MOST) return; // their turn comes
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
    const all = boxes(this.#waiters);
    const turns = all.size > MOST;
    const chosen = new Map([...all].slice(0, MOST));
    const asked = this.#waiters.filter((each) => chosen.has(each.mailbox));
    const left = Math.ceil(Math.min(...asked.map((each) => each.until)) - seconds());
    try {
      const found = await this.ask(Object.fromEntries(chosen), turns ? SLICE_S : Math.max(1, left), asking.cut.signal);
      if (this.#asking !== asking) return; // another one has taken its place; reading consumes nothing
      this.#tried = true;
      this.#answered(asked, found, turns);
    } catch (error) {
      if (this.#asking !== asking) return;
      if (!asking.cut.signal.aborted) this.#failed(asked, error); // else everybody had left
    }
    this.#asking = null;
    if (this.#waiters.length && !this.#soon && this.#timer === undefined) this.#later(SETTLE_S);
  }

  /** Who is answered gets it, even where nothing is beyond its own number; who is not waits on until its time is over,
   * and where nobody is answered, it is over for all.
   * @param {Waiter[]} asked @param {Record<string, Found | null>} found @param {boolean} turns */
  #answered(asked, found, turns) {
    const over = !turns && !Object.keys(found).length;
    for (const waiter of asked) {
      const answered = Object.hasOwn(found, waiter.mailbox);
      if (answered || over || seconds() >= waiter.until) this.#release(waiter)?.resolve(newsFor(waiter, found));
    }
    if (!turns) return;
    const last = new Set(asked);
    this.#waiters.sort((one, other) => Number(last.has(one)) - Number(last.has(other)));
  }

  /** @param {Waiter[]} asked @param {unknown} error */
  #failed(asked, error) {
    const status = error instanceof BurrowError ? error.fields.status : undefined;
    this.#older ||= !this.#tried && OLDER.includes(/** @type {number} */ (status));
    if (!this.#older) for (const waiter of asked) this.#release(waiter)?.reject(error);
    else {
      for (const waiter of [...this.#waiters]) {
        const { mailbox, after, until, signal } = waiter;
        const left = Math.max(1, Math.ceil(until - seconds()));
        this.#release(waiter)?.resolve(this.one(mailbox, after, left, signal));
      }
    }
  }

  /** Takes it off the list; null where it had left. @param {Waiter} waiter */
  #release(waiter) {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return null;
    this.#waiters.splice(at, 1);
    return waiter;
  }
}

/** What to ask for: by mailbox the lowest number that somebody has. @param {Waiter[]} waiters */
function boxes(waiters) {
  /** @type {Map<string, number>} */ const found = new Map();
  for (const { mailbox, after } of waiters) found.set(mailbox, Math.min(after, found.get(mailbox) ?? after));
  return found;
}
