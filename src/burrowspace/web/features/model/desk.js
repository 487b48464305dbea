/**
 * Everything that this page has on its desk: transfers, devices, what the server is, who this device is. The parts of
 * the page look at it and call it; it draws nothing.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Item } from "../../wire/session-send.js"
 * @import { KeptTransfer } from "../../store/kept.js"
 * @import { Finding, Invited } from "./devices.js"
 */

import { parseCode } from "../../core/codes.js";
import { parseLink } from "../../core/links.js";
import { Manifest } from "../../core/manifest.js";
import { hold } from "../../store/hold.js";
import { keepable } from "../../store/keepable.js";
import { kept } from "../../store/kept.js";
import { settings } from "../../store/settings.js";
import { discard, reopen } from "../../store/ways.js";
import { ours, randomId } from "../../wire/ambient.js";
import { Server } from "../../wire/api.js";
import { takeOver } from "../../wire/meeting.js";
import { saveReceived } from "../saving.js";
import { Devices } from "./devices.js";
import { Observable } from "./observable.js";
import { ReceiveJob } from "./receive-job.js";
import { Remembered } from "./remembered.js";
import { SendJob } from "./send-job.js";
import { StayAwake } from "./stay-awake.js";

const LEFT_MS = 7 * 86_400_000; // for which what has arrived lies in the browser, if nobody clears it away
const ASKED_MOST = 12; // invitations that wait for an answer; who is the thirteenth has to come again

/** @typedef {SendJob | ReceiveJob} AnyJob */

export class Desk extends Observable {
  server = new Server(location.origin);
  /** The newest first. @type {AnyJob[]} */ jobs = [];
  /** What it keeps is there when the page is loaded again. */ lasting = true;
  remembered = new Remembered();
  devices = new Devices(this.server);
  /** What `/hello` said. @type {Record<string, unknown>} */ hello = {};
  /** The server answers. @type {boolean | null} */ reachable = null;

  #awake = new StayAwake();
  /** Where others reach the server. */ #origin = location.origin;
  /** Transfers whose files are in the database. @type {Set<string>} */ #filed = new Set();
  /** What lets other tabs have them. @type {Map<string, () => void>} */ #held = new Map();

  /** The page is protected from whoever is between it and the server. */
  get secure() {
    return globalThis.isSecureContext && location.protocol === "https:";
  }

  /** This browser withholds its own ciphers and places, for the page came by plain HTTP. */
  get plain() {
    return !globalThis.isSecureContext;
  }

  async begin() {
    void this.#greet();
    void this.remembered.begin();
    this.devices.watch(() => this.changed());
    this.lasting = await settings.lasting();
    await this.devices.begin();
    await this.#goOn();
    this.openLink(location.href);
    this.devices.run((invited) => this.#invited(invited));
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

  // sending

  /** Sends to whoever comes with the link or the code, or to a device of the list. @param {Item[]} items @param {Finding | null} [device] */
  send(items, device = null) {
    if (!items.length) return null;
    const job = this.#sendJob(randomId(), items, { withCode: true });
    if (device) job.to = device.name;
    job.near = Boolean(device?.near);
    this.#add(job);
    job.begin();
    if (device && job.secret) void this.#invite(job, device);
    return job;
  }

  /** @param {SendJob} job @param {Finding} device */
  async #invite(job, device) {
    try {
      await this.devices.invite(device, /** @type {Bytes} */ (job.secret), job.title);
    } catch (error) {
      await job.cancel();
      job.state = "failed";
      job.why = ours(error).sentence;
      job.changed();
    }
  }

  /** @param {string} id @param {Item[] | null} items @param {Partial<import("./send-job.js").SendHow>} how */
  #sendJob(id, items, how) {
    return new SendJob(id, {
      server: this.server,
      items,
      origin: this.#origin,
      name: this.devices.name,
      keep: (job, state) => this.#keepSend(job, state),
      ...how,
    });
  }

  /** @param {SendJob} job @param {import("../../wire/session-send.js").SendState | null} state */
  async #keepSend(job, state) {
    if (!state) return kept.remove(job.id);
    const { id, title, created, to, receivers, items } = job;
    // The files are put there once: they do not change.
    const files = this.#filed.has(id) || !items ? undefined : keepable(items);
    this.#filed.add(id);
    const more = { to, receivers };
    await kept.put(id, { id, direction: "send", title, created, link: job.link ?? undefined, secret: state.secret, state: { ...state, more }, files });
  }

  // receiving

  /** What a person typed, pasted or scanned: a link, or a code. bad-link, bad-code, wrong-code, unreachable.
   * @param {string} typed @returns {Promise<void>} */
  async take(typed) {
    if (typed.includes("#") || typed.includes("/")) {
      const { server, secret } = parseLink(typed);
      if (server !== location.origin) {
        location.assign(`${server}/r#${typed.slice(typed.indexOf("#") + 1).trim()}`);
        return;
      }
      this.receive(secret);
      return;
    }
    this.receive(await takeOver(this.server, parseCode(typed)));
  }

  /** The page was opened by a link. @param {string} address */
  openLink(address) {
    const { hash, pathname } = new URL(address);
    if (!hash || !/^\/r\/?$/.test(pathname)) return;
    try {
      this.receive(parseLink(address).secret);
      this.trouble = "";
    } catch (error) {
      this.trouble = ours(error).sentence;
      this.changed();
    }
  }

  /** What could not even begin. */ trouble = "";

  /** @param {Bytes} secret @param {string} [from] the device that invited us @param {boolean} [near] it is one of the same network */
  receive(secret, from, near = false) {
    const known = this.jobs.find((job) => job instanceof ReceiveJob && !job.over && same(job.secret, secret));
    if (known) return known;
    const job = this.#receiveJob(randomId(), secret, { from });
    job.near = near;
    this.#add(job);
    job.begin();
    return job;
  }

  /** @param {string} id @param {Bytes} secret @param {Partial<import("./receive-job.js").ReceiveHow>} how */
  #receiveJob(id, secret, how) {
    return new ReceiveJob(id, {
      server: this.server,
      secret,
      name: this.devices.name,
      keep: (job, state) => this.#keepReceive(job, state),
      arrived: (job) => this.#arrived(job),
      ...how,
    });
  }

  /** @param {ReceiveJob} job @param {import("../../wire/session-receive.js").ReceiveState | null} state */
  async #keepReceive(job, state) {
    if (!state) return kept.remove(job.id);
    const { id, title, created, sender, secret, sink } = job;
    await kept.put(id, { id, direction: "receive", title, created, secret, state: { ...state, more: { sender } }, sink: sink?.kept ?? null });
  }

  /** @param {ReceiveJob} job */
  async #arrived(job) {
    const { id, title, created, manifest, received, sink } = job;
    if (!received.length || !manifest) return;
    await saveReceived(received, manifest);
    if (sink?.kind !== "browser") return;
    // It lies here until the person clears it away: a download may be stopped, or be looked for tomorrow.
    const state = { ended: manifest.encode(), more: { sender: job.sender } };
    await kept.put(id, { id, direction: "receive", title, created, secret: new Uint8Array(0), state, sink: sink.kept });
  }

  /** @param {Invited} invited */
  #invited({ secret, from, near }) {
    const asked = this.jobs.filter((job) => job.state === "offered" || job.state === "starting").length;
    if (asked < ASKED_MOST) this.receive(secret, from, near);
  }

  // going on after a reload

  async #goOn() {
    for (const { id } of await kept.list()) {
      if (!(await this.#hold(id))) continue; // another tab has it
      const record = await kept.get(id);
      if (!record) continue; // it has just ended there
      const job = record.direction === "send" ? this.#keptSend(record) : await this.#keptReceive(record);
      if (!job) continue;
      job.created = record.created;
      this.#add(job);
    }
  }

  /** @param {KeptTransfer} record */
  #keptSend(record) {
    const { to, receivers } = record.state.more;
    const job = this.#sendJob(record.id, null, { state: record.state, title: record.title, withCode: !to, record });
    job.to = to;
    job.receivers = receivers;
    job.link = record.link ?? null;
    this.#filed.add(record.id);
    void job.revive(false);
    return job;
  }

  /** @param {KeptTransfer} record */
  async #keptReceive(record) {
    const { state, secret } = record;
    if (state.ended) return this.#keptArrived(record);
    const sink = state.landing && record.sink ? await reopen(record.sink, Manifest.parse(state.landing.manifest)) : null;
    if (!sink) state.landing = null; // what it had is gone: it is asked for again
    const job = this.#receiveJob(record.id, secret, { state, sink, from: state.more.sender });
    job.title = record.title;
    job.begin();
    return job;
  }

  /** @param {KeptTransfer} record */
  async #keptArrived({ id, state, sink: place, secret, created }) {
    const manifest = Manifest.parse(state.ended);
    const sink = place && Date.now() - created < LEFT_MS ? await reopen(place, manifest) : null;
    if (!sink) {
      await discard(place ?? null);
      await kept.remove(id);
      return null;
    }
    const job = this.#receiveJob(id, secret, { sink, from: state.more.sender });
    await job.ended(manifest);
    return job;
  }

  /** Whether it is this tab's to go on with. @param {string} id */
  async #hold(id) {
    const release = await hold(id, () => void this.jobs.find((job) => job.id === id)?.pause());
    if (release) this.#held.set(id, release);
    return release !== null;
  }

  /** @param {AnyJob} job */
  #add(job) {
    this.jobs = [job, ...this.jobs];
    if (!this.#held.has(job.id)) void this.#hold(job.id);
    let over = false;
    job.watch(() => {
      this.#awake.wanted = this.jobs.some((each) => each.state === "running");
      if (!over && (job.over || job.state === "resting")) {
        over = true;
        // Until then a page that is loaded again still knows what it was opened for.
        if (job instanceof ReceiveJob && location.hash) history.replaceState(null, "", "/");
        void this.#remember(job);
      }
      this.changed();
    });
    this.changed();
  }

  /** @param {AnyJob} job */
  async #remember(job) {
    if (job.state !== "done" && job.state !== "resting") return;
    const peer = job instanceof ReceiveJob ? job.sender : (job.to ?? job.who.join(", "));
    await this.remembered.add({
      id: job.id,
      direction: job.direction,
      title: job.title,
      size: job.size ?? job.finished?.size ?? 0,
      shares: job.finished?.shares ?? {},
      peer,
      digest: job.digest,
      when: Date.now(),
    });
  }

  /** Away from the desk; what it left in this browser, too. @param {AnyJob} job */
  async clear(job) {
    this.jobs = this.jobs.filter((each) => each !== job);
    if (job instanceof ReceiveJob) await job.forget();
    if (job.over || job.state === "resting") await kept.remove(job.id);
    this.#held.get(job.id)?.();
    this.#held.delete(job.id);
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
  if (!/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)) return location.origin;
  const { ip, port, public_url: known } = await (await fetch("/status", { cache: "no-store" })).json();
  if (typeof known === "string" && URL.canParse(known)) return new URL(known).origin;
  return /^127\./.test(ip) || !Number.isInteger(port) ? location.origin : `${location.protocol}//${ip}:${port}`;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function same(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
