/**
 * What the ends ask of a server: words in mailboxes, numbers of codes, spools. Control only; blocks go by relay/ and links/.
 * Twin of client/server/api.py.
 *
 * Errors are BurrowErrors: `unreachable` when no answer came, or the server cannot work at the moment; `missing` for 404 and 410 and `refused` for every other
 * no, with the fields `status` and `said` (the server's own code). Spec: docs/spec/mailboxes.md, docs/spec/bytes.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Changes, News, Wish } from "../../core/changes.js"
 */

import { newsOf, parseChanges, parseFound, wishFor } from "../../core/changes.js";
import { BurrowError } from "../../core/errors.js";
import { REASONS } from "../../core/reasons.js";
import { offline } from "../offline.js";
import { sleep, within } from "../runtime.js";
import { tabsOf } from "./tabs.js";
import { WaitingCall } from "./waiting-call.js";

export const TIMEOUT_S = 15; // for an answer, beyond what a call says that it may wait
const ANSWER_S = 4; // for an answer to somebody who wonders
const BUSY_S = 2; // between two looks at a server that lets no more calls of our address wait
export const WAIT_S = 25; // that a call waits for news: below the idle limits of the usual proxies
const TRIES = 3;
/** Of a tunnel or a proxy that did not reach the server; the last are Cloudflare's. */
export const AWAY = [502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 528, 529, 530];
const NEEDS_NOTHING = /^\/(?:hello|nearby)\b/; // calls that work without its database and its disk
/** ngrok shows a page of its own in front of ours until it is told that this is no person looking at a site. */
export const NO_WARNING = { "ngrok-skip-browser-warning": "1" };

/** @typedef {{number: number, token: string}} Nameplate */
/** A device that others nearby see: its public handle, and what proves that it is ours. @typedef {{handle: string, token: string}} Here */
/** Where sealed bytes travel: `token` is the writer's. @typedef {{id: string, token: string}} Spool */
/**
 * Offsets in bytes: where the next one goes, the first one still there; `expiresAt` s since 1970.
 *
 * @typedef {{offset: number, first: number, length: number | null, complete: boolean, readers: number,
 *   expiresAt: number}} SpoolState
 */

/** @typedef {{query?: Record<string, string | number>, json?: unknown, body?: Bytes, headers?: Record<string, string>,
 *   timeout?: number, signal?: AbortSignal, missing?: boolean, keepalive?: boolean, again?: boolean}} How */ // `again`: a POST that may be made twice

export class Server {
  /** Everything that this page waits for. */ #waiting = new WaitingCall((wish, wait, signal) => this.#upstream(wish, wait, signal));
  /** The tabs of this browser, which wait together. @type {import("./tabs.js").Tabs | null} */ #tabs;

  /** It answers again, after it could not be reached. */ back = () => {};
  #away = false;
  /** It answers, but its database or its disk does not work at the moment. */ ailing = false;

  /** @param {string} origin like `https://example.org`; a page's own is `location.origin` */
  constructor(origin) {
    this.origin = origin.replace(/\/+$/, "");
    this.#tabs = tabsOf({
      name: this.origin,
      call: (wish, wait, signal) => this.#changes(wish, wait, signal),
      join: (wish, wait, signal) => this.#waiting.ask(wish, wait, signal),
    });
  }

  /** What the server is and can do; `your_ip` is how it sees us. @returns {Promise<Record<string, unknown>>} */
  async hello() {
    return (await this.#call("GET", "/hello")).json();
  }

  /** Whether it can be reached now: a call that waits for news may not notice for half a minute. */
  async answers() {
    return !offline() && within(ANSWER_S, this.hello().then(() => !this.ailing), false);
  }

  // mailboxes

  /** Adds a message; its number. @param {string} mailbox @param {Bytes} message @param {{keepalive?: boolean}} [how] keepalive: even while the page goes @returns {Promise<number>} */
  async post(mailbox, message, { keepalive } = {}) {
    const headers = { "content-type": "application/octet-stream" };
    const answer = await this.#call("POST", `/mailboxes/${mailbox}`, { body: message, headers, keepalive });
    return (await answer.json()).number;
  }

  /** @param {string} mailbox */
  async makeMailbox(mailbox) {
    await this.#call("PUT", `/mailboxes/${mailbox}`);
  }

  /** Messages with a number above `after`, waiting up to `wait` seconds for one, and when the mailbox was made, which it is
   * where there is none.
   * @param {string} mailbox @param {number} after @param {number} [wait] @param {AbortSignal} [signal] @returns {Promise<News>} */
  async news(mailbox, after, wait = 0, signal) {
    const found = await this.#read(mailbox, after, wait, signal);
    if (found) return found;
    await this.makeMailbox(mailbox);
    return { messages: [], made: "" };
  }

  /** The same; missing: there is no such mailbox. @param {string} mailbox @param {number} after @param {number} [wait]
   * @param {AbortSignal} [signal] @returns {Promise<News>} */
  async letters(mailbox, after, wait = 0, signal) {
    const found = await this.#read(mailbox, after, wait, signal);
    if (found) return found;
    throw missing("there is no such mailbox");
  }

  /** null where it is not there. @param {string} mailbox @param {number} after @param {number} wait @param {AbortSignal} [signal]
   * @returns {Promise<News | null>} */
  async #read(mailbox, after, wait, signal) {
    if (!wait) return this.#look(mailbox, after, signal);
    const { mailboxes } = await this.#waiting.ask(wishFor({ mailboxes: { [mailbox]: after } }), wait, signal);
    if (!Object.hasOwn(mailboxes, mailbox)) return { messages: [], made: "" };
    const found = mailboxes[mailbox];
    return found && newsOf(found);
  }

  /** @param {string} mailbox @param {number} after @param {AbortSignal} [signal] @returns {Promise<News | null>} */
  async #look(mailbox, after, signal) {
    try {
      const found = await this.#call("GET", `/mailboxes/${mailbox}`, { query: { after }, signal });
      return newsOf(parseFound(await found.json()));
    } catch (error) {
      if (error instanceof BurrowError && error.code === "missing") return null;
      throw error;
    }
  }

  /** @param {string} mailbox */
  async removeMailbox(mailbox) {
    await this.#call("DELETE", `/mailboxes/${mailbox}`, { missing: true });
  }

  /** Drops the messages up to number `upto`, that one too. @param {string} mailbox @param {number} upto */
  async trimMailbox(mailbox, upto) {
    await this.#call("DELETE", `/mailboxes/${mailbox}`, { query: { upto }, missing: true });
  }

  // nameplates

  /** @returns {Promise<Nameplate>} */
  async offerNameplate() {
    const { nameplate, token } = await (await this.#call("POST", "/nameplates")).json();
    return { number: nameplate, token };
  }

  /** The mailbox for this claim. missing: nobody waits under that number. @param {number} number @returns {Promise<string>} */
  async claim(number) {
    return (await (await this.#call("POST", `/nameplates/${number}/claim`)).json()).mailbox;
  }

  /** Whether somebody waits under that number. @param {number} number */
  async knows(number) {
    try {
      await this.#call("GET", `/nameplates/${number}`);
      return true;
    } catch (error) {
      if (/** @type {BurrowError} */ (error).code === "missing") return false;
      throw error;
    }
  }

  /** Each claim beyond `after`, waiting up to `wait` s for one. missing: the number is not ours any more.
   * @param {Nameplate} plate @param {number} after @param {number} [wait] @param {AbortSignal} [signal]
   * @returns {Promise<{number: number, mailbox: string}[]>} */
  async claims({ number, token }, after, wait = WAIT_S, signal) {
    const { nameplates } = await this.#waiting.ask(wishFor({ nameplates: { [number]: { token, after } } }), wait, signal);
    if (!Object.hasOwn(nameplates, number)) return [];
    const found = nameplates[number];
    if (!found) throw missing("the code's number is not ours any more");
    return found.claims;
  }

  /** Even while the page goes. @param {Nameplate} plate */
  async burn(plate) {
    await this.#call("DELETE", `/nameplates/${plate.number}`, { headers: bearer(plate.token), missing: true, keepalive: true });
  }

  // nearby

  /** Says that this device is here, and what it is; who is nearby. @param {Here} here @param {unknown} card @param {AbortSignal} [signal] @returns {Promise<unknown>} */
  async announce(here, card, signal) {
    return (await this.#call("PUT", `/nearby/${here.handle}`, { json: card, headers: bearer(here.token), signal })).json();
  }

  /** Who is nearby, once that is not as in `version` any more; null where it is the same after `wait` s. missing: announce
   * it again. @param {Here} here @param {number} version @param {number} [wait] @param {AbortSignal} [signal]
   * @returns {Promise<unknown>} */
  async nearby({ handle, token }, version, wait = WAIT_S, signal) {
    if (!wait) return (await this.#call("GET", `/nearby/${handle}`, { query: { version }, headers: bearer(token), signal })).json();
    const { nearby } = await this.#waiting.ask(wishFor({ nearby: { [handle]: { token, version } } }), wait, signal);
    if (!Object.hasOwn(nearby, handle)) return null;
    if (!nearby[handle]) throw missing("this device does not show itself any more");
    return nearby[handle];
  }

  /** Is here no more, unless it says so again or waits within `stay` s; even while the page goes. @param {Here} here @param {number} stay */
  async unannounce(here, stay) {
    const headers = bearer(here.token);
    await this.#call("DELETE", `/nearby/${here.handle}`, { query: { stay }, headers, missing: true, keepalive: true });
  }

  /** Hands a sealed message to a device nearby. missing: it is not there any more. @param {Here} here @param {string} to its handle @param {Bytes} message */
  async knock(here, to, message) {
    const headers = { ...bearer(here.token), "content-type": "application/octet-stream" };
    await this.#call("POST", `/nearby/${to}/knock`, { query: { from: here.handle }, body: message, headers });
  }

  // spools

  /** @param {number | null} length @param {"rest" | "live" | "live-then-rest"} policy @param {number} [window] @returns {Promise<Spool>} */
  async makeSpool(length, policy, window) {
    const made = await (await this.#call("POST", "/spools", { json: { policy, length, window } })).json();
    return { id: made.transfer_id, token: made.write_token };
  }

  /** @param {string} spool @returns {Promise<SpoolState>} */
  async spool(spool) {
    const found = await (await this.#call("GET", `/spools/${spool}`)).json();
    const { offset, first, length, complete, readers } = found;
    return { offset, first, length, complete, readers, expiresAt: Date.parse(found.expires_at) / 1000 };
  }

  /** From now on all of it may lie there, whoever reads. @param {Spool} spool */
  async letRest(spool) {
    await this.#call("PATCH", `/spools/${spool.id}`, { json: { policy: "rest" }, headers: bearer(spool.token) });
  }

  /** @param {Spool} spool */
  async dropSpool(spool) {
    const headers = { ...bearer(spool.token), "tus-resumable": "1.0.0" };
    await this.#call("DELETE", `/upload/${spool.id}`, { headers, missing: true });
  }

  /** Says that all that was read of it is verified. @param {string} spool */
  async delivered(spool) {
    await this.#call("POST", `/delivered/${spool}`, { json: {}, missing: true });
  }

  #unreachable() {
    if (offline()) return new BurrowError("unreachable", "this device is offline", { reason: "offline-now" });
    if (this.ailing) return new BurrowError("unreachable", REASONS.ailing, { reason: "ailing" });
    return new BurrowError("unreachable", `${this.origin} cannot be reached`);
  }

  // what waits

  /** The one request of this page: together with those of the other tabs, where they hear each other.
   * @param {Wish} wish @param {number} wait s @param {AbortSignal} signal @returns {Promise<Changes>} */
  async #upstream(wish, wait, signal) {
    try {
      const changes = await (this.#tabs ? this.#tabs.ask(wish, wait, signal) : this.#changes(wish, wait, signal));
      this.ailing = false;
      this.#reached();
      return changes;
    } catch (error) {
      if (error instanceof BurrowError && error.code === "unreachable") {
        this.#away = true; // another tab has seen it
        this.ailing ||= error.fields.reason === "ailing";
      }
      throw error;
    }
  }

  /** @param {Wish} wish @param {number} wait s @param {AbortSignal} signal @returns {Promise<Changes>} */
  async #changes(wish, wait, signal) {
    try {
      const answer = await unlessBusy(wait, signal, (wait) => {
        const how = { json: { ...wish, wait }, timeout: wait + TIMEOUT_S, signal, again: true };
        return this.#call("POST", "/changes", how);
      });
      return parseChanges(await answer.json());
    } catch (error) {
      if (!(error instanceof BurrowError) || error.code !== "missing") throw error;
      throw new BurrowError("refused", "this server has no call for changes", error.fields); // nothing that we wait for is missing
    }
  }

  #reached() {
    if (this.#away) this.back();
    this.#away = false;
  }

  /** An answer with a good status. `missing`: a 404 or 410 is good too. A POST whose connection broke may have arrived
   * and is not made again; one that a tunnel answered has not.
   * @param {string} method @param {string} path @param {How} [how] @returns {Promise<Response>} */
  async #call(method, path, how = {}) {
    const { query, json, missing = false, signal, timeout = TIMEOUT_S, keepalive } = how;
    const asked = query ? `?${new URLSearchParams(Object.entries(query).map(([key, value]) => [key, `${value}`]))}` : "";
    const headers = { ...NO_WARNING, ...how.headers, ...(json === undefined ? {} : { "content-type": "application/json" }) };
    const body = json === undefined ? how.body : JSON.stringify(json);
    const once = method === "POST" && !how.again;
    for (let tries = TRIES; ; ) {
      tries -= 1;
      let away = false;
      const late = AbortSignal.timeout(timeout * 1000);
      try {
        const answer = await fetch(this.origin + path + asked, {
          method,
          headers,
          body,
          keepalive,
          signal: signal ? AbortSignal.any([signal, late]) : late,
          cache: "no-store",
        });
        away = isPage(answer);
        if (away) throw new Error("a page of something else");
        this.#reached();
        if (!NEEDS_NOTHING.test(path)) this.ailing = false;
        if (answer.ok || (missing && (answer.status === 404 || answer.status === 410))) return answer;
        const said = await refusal(answer);
        const unavailable = said.fields.said === "unavailable"; // it will work again: as good as away
        this.ailing ||= unavailable;
        away = unavailable || (AWAY.includes(answer.status) && said.fields.said === "error");
        if (away) throw new Error(said.sentence);
        throw said;
      } catch (error) {
        if (error instanceof BurrowError) throw error;
        if (signal?.aborted) throw signal.reason;
        this.#away = true;
        if (!tries || (once && !away)) {
          throw this.#unreachable();
        }
        await sleep(0.2, signal);
      }
    }
  }
}

/** What the server may keep us waiting for; where as many of our address wait as may, it is looked in a moment instead.
 * @param {number} wait s @param {AbortSignal} signal @param {(wait: number) => Promise<Response>} ask
 * @returns {Promise<Response>} */
async function unlessBusy(wait, signal, ask) {
  try {
    return await ask(wait);
  } catch (error) {
    if (!(error instanceof BurrowError) || error.fields.status !== 429 || !wait) throw error;
    await sleep(Math.min(wait, BUSY_S), signal);
    return ask(0);
  }
}

/** @param {string} sentence */
function missing(sentence) {
  return new BurrowError("missing", sentence, { status: 404, said: "not-found" });
}

/** Whether an answer is a page for people: of a tunnel or a proxy, never of these calls. @param {Response} answer */
export function isPage(answer) {
  return /^text\/html\b/i.test(answer.headers.get("content-type") ?? "");
}

/** The server's no as an error. @param {Response} answer @returns {Promise<BurrowError>} */
export async function refusal(answer) {
  let said = "error";
  let sentence = `the server answered ${answer.status}`;
  try {
    const found = await answer.json();
    if (typeof found.code === "string") said = found.code.slice(0, 64);
    if (typeof found.error === "string") sentence = found.error.slice(0, 500);
  } catch {
    // it is none of ours: a proxy's page
  }
  const gone = answer.status === 404 || answer.status === 410;
  return new BurrowError(gone ? "missing" : "refused", sentence, { status: answer.status, said });
}

/** @param {string} token */
export function bearer(token) {
  return { authorization: `Bearer ${token}` };
}
