/**
 * The transfers of this browser over reloads: what each needs to go on is written down as it runs, and found again by
 * the page that is loaded next. One tab has each.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../../wire/server/api.js"
 * @import { ReceiveState } from "../../wire/session/incoming.js"
 * @import { SendState } from "../../wire/session/outgoing.js"
 * @import { Fate } from "../../wire/session/take-back.js"
 * @import { KeptTransfer } from "../../store/kept.js"
 * @import { Picked } from "../../store/picked.js"
 * @import { ReceiveHow } from "./receive-job.js"
 * @import { SendHow } from "./send-job.js"
 */

import { Manifest } from "../../core/manifest.js";
import { mailboxId } from "../../core/links.js";
import { hold } from "../../store/hold.js";
import { keepable } from "../../store/keepable.js";
import { kept } from "../../store/kept.js";
import { discard, reopen } from "../../store/ways.js";
import { takeBack } from "../../wire/session/take-back.js";
import { saveReceived } from "../saving.js";
import { ReceiveJob } from "./receive-job.js";
import { SendJob } from "./send-job.js";

/** @typedef {SendJob | ReceiveJob} AnyJob */

const LEFT_MS = 7 * 86_400_000; // for which what has arrived lies in the browser, if nobody clears it away
const NOTHING = new Uint8Array(0);

/** What all transfers of a page have in common. `origin`: where others reach the server. @typedef {{server: Server, name: string, origin: string}} Common */

export class Keeping {
  /** Transfers whose files are in the database. @type {Set<string>} */ #filed = new Set();
  /** What lets other tabs have them. @type {Map<string, () => void>} */ #held = new Map();
  /** @type {() => Common} */ #common;
  /** @type {(id: string) => void} */ #lost;

  /** @param {() => Common} common @param {(id: string) => void} lost another tab took it, for this one did not answer */
  constructor(common, lost) {
    this.#common = common;
    this.#lost = lost;
  }

  /** A transfer that is sent. @param {string} id @param {Picked[] | null} items @param {Partial<SendHow>} how */
  send(id, items, how) {
    return new SendJob(id, {
      ...this.#common(),
      items,
      keep: (job, state) => this.#keepSend(job, state),
      rests: (job, until) => this.#rests(job, until),
      ...how,
    });
  }

  /** A transfer that comes. @param {string} id @param {Bytes} secret @param {Partial<ReceiveHow>} how */
  receive(id, secret, how) {
    return new ReceiveJob(id, {
      ...this.#common(),
      secret,
      keep: (job, state) => this.#keepReceive(job, state),
      arrived: (job) => this.#arrived(job),
      save: async ({ received, manifest }) => {
        if (received.length && manifest) await saveReceived(received, manifest);
      },
      ...how,
    });
  }

  /** Those of earlier pages that no other tab has, the oldest first. @returns {AsyncGenerator<AnyJob, void>} */
  async *goOn() {
    for (const { id } of await kept.list()) {
      if (!(await this.hold(id))) continue;
      const record = await kept.get(id);
      if (!record) continue; // it has just ended in another tab
      if (record.state.more.aside > Date.now()) {
        this.#release(id);
        continue;
      }
      const job = record.direction === "send" ? await this.#sent(record) : await this.#came(record);
      if (!job) continue;
      job.created = record.created;
      yield job;
    }
  }

  /** Whether it is this tab's to go on with. @param {string} id */
  async hold(id) {
    if (this.#held.has(id)) return true;
    const release = await hold(id, () => this.#lost(id));
    if (release) this.#held.set(id, release);
    return release !== null;
  }

  /** The same of what a link, a code or a device brought, whose transfer has no id yet. @param {Bytes} secret */
  async holdSecret(secret) {
    return this.hold(mailboxId(secret));
  }

  /** Another tab may have it. @param {Bytes} secret */
  releaseSecret(secret) {
    this.#release(mailboxId(secret));
  }

  /** Clears it away; what it left in this browser goes, too, but for what takes it back from the server. @param {AnyJob} job */
  async forget(job) {
    if (job instanceof ReceiveJob) {
      await job.forget();
      this.releaseSecret(job.secret);
    }
    if (job.over || (job instanceof ReceiveJob && job.texts.length)) await kept.remove(job.id);
    else if (job.state === "resting") await this.#aside(job.id);
    this.#release(job.id);
  }

  /** It no longer has a place on the page. @param {string} id */
  async #aside(id) {
    const record = await kept.get(id);
    if (!record) return;
    record.state.more.aside = record.state.more.until;
    await kept.put(id, { ...record, files: undefined });
  }

  /** Nothing that was put aside can be taken back any more. */
  async forgetAside() {
    for (const { id, state } of await kept.list()) if (state.more?.aside) await kept.remove(id);
  }

  /** It goes from the server, where it rests. unreachable; refused. @param {string} id @returns {Promise<Fate>} */
  async takeBack(id) {
    const record = await kept.get(id);
    if (!record) return "lapsed"; // it was taken back in another tab, or has lapsed
    const fate = await takeBack(this.#common().server, record.secret, record.state.legs);
    await kept.remove(id);
    return fate;
  }

  /** @param {string} id */
  #release(id) {
    this.#held.get(id)?.();
    this.#held.delete(id);
  }

  /** @param {SendJob} job @param {SendState | null} state */
  async #keepSend(job, state) {
    if (!state) return kept.remove(job.id);
    const { id, title, created, to, receivers, items } = job;
    // The files are put there once: they do not change.
    const files = this.#filed.has(id) || !items ? undefined : keepable(items);
    this.#filed.add(id);
    const more = { to, receivers };
    await kept.put(id, { id, direction: "send", title, created, link: job.link ?? undefined, secret: state.secret, state: { ...state, more }, files });
  }

  /** It lies on the server: a page that is loaded again says so, and does not ask for the files. @param {SendJob} job @param {number} until */
  async #rests(job, until) {
    const record = await kept.get(job.id);
    if (!record) return;
    record.state.more.until = until;
    await kept.put(job.id, { ...record, files: null });
  }

  /** @param {ReceiveJob} job @param {ReceiveState | null} state */
  async #keepReceive(job, state) {
    if (!state) return kept.remove(job.id);
    const { id, title, created, sender, near, secret, sink } = job;
    await kept.put(id, { id, direction: "receive", title, created, secret, state: { ...state, more: { sender, near } }, sink: sink?.kept ?? null });
  }

  /** @param {ReceiveJob} job */
  async #arrived(job) {
    const { id, title, created, manifest, received, texts, leftOut, sink, sender } = job;
    const place = received.length && sink?.kind === "browser" && !sink.spilled ? sink.kept : null;
    if (manifest && (place || texts.length)) {
      // It lies here until the person clears it away: a download may be stopped, or be looked for tomorrow.
      const state = { ended: manifest.encode(), texts, leftOut, more: { sender } };
      await kept.put(id, { id, direction: "receive", title, created, secret: NOTHING, state, sink: place });
    } else await kept.remove(id);
    if (!place && !sink?.spilled) await discard(sink?.kept ?? null); // else it is a part of what is handed over
  }

  /** @param {KeptTransfer} record */
  async #sent(record) {
    const { to, receivers, until } = record.state.more;
    if (until < Date.now()) {
      await kept.remove(record.id); // the server has let go of it
      return null;
    }
    const job = this.send(record.id, null, { state: record.state, title: record.title, withCode: !to, record });
    job.to = to;
    job.receivers = receivers;
    job.link = record.link ?? null;
    this.#filed.add(record.id);
    if (until === undefined) void job.revive(false);
    else job.rest(until);
    return job;
  }

  /** @param {KeptTransfer} record */
  async #came(record) {
    const { id, state, secret, sink: place } = record;
    if (state.ended) return this.#ended(record);
    if (!place) state.landing = null;
    const begun = state.landing && place ? Manifest.parse(state.landing.manifest) : null;
    const find = begun && place ? () => reopen(place, begun) : undefined;
    await this.holdSecret(secret);
    const job = this.receive(id, secret, { state, find, from: state.more.sender });
    job.title = record.title;
    if (begun) job.knows(begun);
    job.near = state.more.near;
    // A browser asks for the right to a folder only in answer to a click.
    if (place?.kind === "browser" || !find) await job.begin();
    else job.state = "paused";
    return job;
  }

  /** It arrived in an earlier page, and lies here still. @param {KeptTransfer} record */
  async #ended({ id, state, sink: place, secret, created }) {
    const manifest = Manifest.parse(state.ended);
    const texts = state.texts ?? [];
    const lies = Date.now() - created < LEFT_MS;
    const sink = place && lies ? await reopen(place, manifest) : null;
    if (!sink && !(lies && texts.length)) {
      await discard(place ?? null);
      await kept.remove(id);
      return null;
    }
    const job = this.receive(id, secret, { sink, from: state.more.sender });
    await job.ended(manifest, texts, state.leftOut ?? []);
    return job;
  }
}
