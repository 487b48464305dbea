/**
 * Everything that this page holds: transfers, devices, what the server is, who this device is. The parts of
 * the page look at it and call it; it draws nothing.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Picked } from "../../store/picked.js"
 * @import { Fate } from "../../wire/session/take-back.js"
 * @import { Said } from "../said.js"
 * @import { Finding, Invited } from "./devices.js"
 * @import { AnyJob, Keeping } from "./keeping.js"
 * @import { ReceiveJob } from "./receive-job.js"
 * @import { SendJob } from "./send-job.js"
 */

import { BurrowError } from "../../core/errors.js";
import { formatLink, isOfMachine, parseLink, reachedByOthers } from "../../core/links.js";
import { looksLikeLink } from "../../core/pasted.js";
import { kept } from "../../store/kept.js";
import { opened } from "../../store/opened.js";
import { database, watchLasting } from "../../store/database.js";
import { BASE, HERE, ours, randomId } from "../../wire/runtime.js";
import { Server } from "../../wire/server/api.js";
import { loadLazily, outdated } from "../../wire/lazy-import.js";
import { offline } from "../../wire/offline.js";
import { saidOfError } from "../said.js";
import { Devices } from "./devices.js";
import { Observable } from "./observable.js";
import { Remembered } from "./remembered.js";
import { StayAwake } from "./stay-awake.js";

const ASKED_MOST = 12; // invitations that wait for an answer; who is the thirteenth has to come again

export class AppModel extends Observable {
  server = new Server(HERE);
  /** The newest first. @type {AnyJob[]} */ jobs = [];
  remembered = new Remembered();
  devices = new Devices(this.server);
  /** What `/hello` said. @type {Record<string, unknown>} */ hello = {};
  /** The server answers. @type {boolean | null} */ reachable = null;

  /** The server has a newer page than this one. */ outdated = false;
  /** It was opened by a link, and nothing else was done here since. */ #focused = false;

  #awake = new StayAwake();
  /** Where others reach the server. */ #origin = HERE;
  /** @type {Promise<Keeping> | null} */ #keeping = null;

  /** The page is protected from whoever is between it and the server. */
  get secure() {
    return globalThis.isSecureContext && location.protocol === "https:";
  }

  /** What it keeps is there when the page is loaded again. */
  get lasting() {
    return database.lasting;
  }

  /** A reload would lose what runs now: the browser stores nothing, or no more. */
  get fleeting() {
    return this.jobs.some((job) => job.active && (!this.lasting || (job.direction === "receive" && job.sink?.spilled)));
  }

  /** What a link offers is all that is shown, with a way to everything else. */
  get focused() {
    return this.#focused && this.jobs.some((job) => job.direction === "receive" && job.byLink);
  }

  /** Everything else is shown, too. */
  unfocus() {
    this.#focused = false;
    this.changed();
  }

  /** This browser withholds its own ciphers and places, for the page came by plain HTTP. */
  get plain() {
    return !globalThis.isSecureContext;
  }

  async begin() {
    void this.#greet();
    this.server.back = () => void this.#compare();
    document.addEventListener("visibilitychange", () => document.hidden || void this.#compare());
    void this.remembered.begin();
    this.devices.watch(() => this.changed());
    watchLasting(() => this.changed());
    for (const kind of ["online", "offline"]) addEventListener(kind, () => this.changed());
    await this.devices.begin();
    if ((await kept.list()).length) {
      for await (const job of (await this.#work()).goOn()) this.#add(job);
    }
    await this.openLinks();
    this.devices.run((invited) => void this.#invited(invited));
    if (await holdsFiles()) void loadLazily(() => import("../../store/orphans.js")).then(({ clearOrphans }) => clearOrphans());
  }

  /** Loads what a transfer needs; at once, where something is about to be chosen. */
  warm() {
    void this.#work();
  }

  /** @returns {Promise<Keeping>} */
  #work() {
    this.#keeping ??= loadLazily(() => import("./work.js")).then(
      ({ Keeping }) =>
        new Keeping(
          () => ({ server: this.server, name: this.devices.name, origin: this.#origin }),
          (id) => void this.jobs.find((job) => job.id === id)?.pause(),
        ),
    );
    this.#keeping.catch(() => (this.#keeping = null)); // the next wish tries anew
    return this.#keeping;
  }

  async #greet() {
    try {
      this.hello = await this.server.hello();
      this.#origin = await reached();
      this.reachable = true;
    } catch {
      this.reachable = false;
      setTimeout(() => void this.#greet(), 3000);
    }
    this.changed();
  }

  /** Whether the server was upgraded under this page. */
  async #compare() {
    if (this.outdated || !(await outdated())) return;
    this.outdated = true;
    this.changed();
  }

  // sending

  /** Sends to whoever comes with the link or the code, or to a device of the list. @param {Picked[]} items @param {Finding | null} [device] */
  async send(items, device = null) {
    if (!items.length) return;
    this.#focused = false;
    const job = (await this.#work()).send(randomId(), items, { withCode: true });
    if (device) job.to = device.name;
    job.near = Boolean(device?.near);
    this.#add(job);
    job.begin();
    if (device && job.secret) await this.#invite(job, device);
  }

  /** @param {SendJob} job @param {Finding} device */
  async #invite(job, device) {
    try {
      await this.devices.invite(device, /** @type {Bytes} */ (job.secret), job.title);
    } catch (error) {
      await job.cancel();
      job.state = "failed";
      job.why = saidOfError(error);
      job.changed();
    }
  }

  // receiving

  /** What a person typed, pasted or scanned: a link, or a code. bad-link, bad-code, wrong-code, code-burnt, unreachable.
   * @param {string} typed @returns {Promise<void>} */
  async take(typed) {
    if (looksLikeLink(typed)) {
      const { server, secret } = parseLink(typed);
      if (server !== HERE) {
        location.assign(formatLink(server, secret));
        return;
      }
      await this.receive(secret, { byLink: true });
      return;
    }
    if (offline()) throw new BurrowError("unreachable", "this device is offline", { reason: "offline-now" });
    const { parseCode, spent, takeOver } = await loadLazily(() => import("./work.js"));
    await this.receive(await takeOver(this.server, parseCode(typed), undefined, spent));
  }

  /** What this tab was opened by, and is not over. */
  async openLinks() {
    this.trouble = null;
    for (const link of opened.list()) {
      try {
        this.#focused = true;
        await this.receive(parseLink(link).secret, { byLink: true });
      } catch (error) {
        if (ours(error).code === "bad-link") opened.drop((each) => each === link);
        this.trouble = saidOfError(error);
        this.changed();
      }
    }
  }

  /** What could not even begin. @type {Said | null} */ trouble = null;

  /** `from`: the device that invited us, `near`: it is one of the same network, `byLink`: the secret came in a link.
   * @param {Bytes} secret @param {{from?: string, near?: boolean, byLink?: boolean}} [how] */
  async receive(secret, { from, near = false, byLink = false } = {}) {
    const work = await this.#work();
    if (this.jobs.some((job) => job.direction === "receive" && !job.over && same(job.secret, secret))) return;
    if (!(await work.holdSecret(secret))) {
      this.trouble = { code: "said-other-tab" }; // one tab alone works on it: the sender would count two receivers
      this.changed();
      return;
    }
    const job = work.receive(randomId(), secret, { from, byLink });
    job.near = near;
    this.#add(job);
    await job.begin();
  }

  /** @param {Invited} invited */
  async #invited({ secret, from, near }) {
    const asked = this.jobs.filter((job) => job.state === "offered" || job.state === "starting").length;
    if (asked < ASKED_MOST) await this.receive(secret, { from, near });
  }

  /** @param {AnyJob} job */
  #add(job) {
    for (const each of this.jobs.filter(({ state, folded }) => state === "done" && !folded)) {
      each.folded = true;
      each.changed();
    }
    this.jobs = [job, ...this.jobs];
    void this.#work().then((work) => work.hold(job.id));
    let over = job.over || job.state === "resting"; // since an earlier page
    job.watch(() => {
      this.#awake.wanted = this.jobs.some((each) => each.state === "running");
      if (!over && (job.over || job.state === "resting")) {
        over = true;
        if (job.direction === "receive") this.#isOver(job.secret);
        if (job.direction === "receive") void this.#work().then((work) => work.releaseSecret(job.secret));
        void this.#remember(job);
      }
      this.changed();
    });
    this.changed();
  }

  /** Until then a page that is loaded again still knows what it was opened for. @param {Bytes} secret */
  #isOver(secret) {
    opened.drop((link) => same(secretOf(link), secret));
    if (location.pathname !== BASE.pathname && !opened.list().length) history.replaceState(null, "", BASE);
  }

  /** @param {AnyJob} job */
  async #remember(job) {
    if (job.state !== "done" && job.state !== "resting") return;
    const peer = job.direction === "receive" ? job.sender : (job.to ?? job.who.join(", "));
    await this.remembered.add({
      id: job.id,
      direction: job.direction,
      title: job.title,
      size: (job.missing ? job.finished?.size : job.size) ?? job.finished?.size ?? 0,
      shares: job.finished?.shares ?? {},
      peer,
      digest: job.digest,
      missing: job.missing || undefined,
      when: Date.now(),
      until: job.direction === "send" && job.state === "resting" ? (job.until ?? undefined) : undefined,
    });
  }

  /** What rests on the server goes from there. unreachable: it can be tried again; refused. @param {string} id @returns {Promise<Fate>} */
  async takeBack(id) {
    const fate = await (await this.#work()).takeBack(id);
    const job = this.jobs.find((each) => each.id === id);
    if (job?.direction === "send") job.settle(fate);
    await this.remembered.settle(id, fate);
    return fate;
  }

  /** The history, and what it could have taken back. */
  async clearHistory() {
    await (await this.#work()).forgetAside();
    await this.remembered.clear();
  }

  /** Clears it away; what it left in this browser, too. @param {AnyJob} job */
  async clear(job) {
    this.jobs = this.jobs.filter((each) => each !== job);
    await (await this.#work()).forget(job);
    this.changed();
  }

  /** Something would be lost if the page went now. */
  get precious() {
    return this.jobs.some((job) => job.state === "running");
  }
}

/** Where others reach the server that this page is of: by its public address, where it has one; and a page that was
 * opened on the server's own machine must not pass on "localhost". @returns {Promise<string>} */
async function reached() {
  if (!isOfMachine(location.hostname)) return HERE;
  const { ip, port, public_url: known } = await (await fetch(`${HERE}/status`, { cache: "no-store" })).json();
  if (typeof known === "string" && URL.canParse(known)) return known.replace(/\/+$/, "");
  return reachedByOthers(HERE, ip, port);
}

/** Whether this browser holds files of ours: received, or left behind by a page that was closed. */
async function holdsFiles() {
  try {
    const root = /** @type {any} */ (await navigator.storage.getDirectory());
    return !(await root.keys().next()).done;
  } catch {
    return false; // it has no place for any
  }
}

/** Empty: it has none. @param {string} link */
function secretOf(link) {
  try {
    return parseLink(link).secret;
  } catch {
    return new Uint8Array(0);
  }
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function same(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
