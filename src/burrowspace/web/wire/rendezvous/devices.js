/**
 * Known devices: a key of our own, made at first use, and those that were paired by code. Twin of client/state/devices.py and
 * of the pairing of client/client.py. What the keys give is core/devices.js's.
 *
 * The state is the caller's to keep; a page gives it back after a reload. Spec: docs/spec/meeting.md, "Devices".
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Introduction } from "../../core/devices.js"
 * @import { Invitation } from "../../core/invitation.js"
 * @import { Server } from "../server/api.js"
 * @import { Seen } from "./letters.js"
 * @import { Spent } from "../state/spent.js"
 */

import { base64, unbase64, utf8 } from "../../core/bytes.js";
import { deviceTitle, encodeIntroduction, freeName, pairInbox, parseIntroduction } from "../../core/devices.js";
import { BurrowError } from "../../core/errors.js";
import { mailboxId } from "../../core/links.js";
import { shown } from "../../core/names.js";
import { Box, derive } from "../../core/sealing.js";
import { KEY_BYTES, publicOf } from "../../core/x25519.js";
import { loadLazily } from "../lazy-import.js";
import { random, Wakeup } from "../runtime.js";
import { WAIT_S } from "../server/api.js";
import { patiently } from "./conversation.js";
import { letters } from "./letters.js";
import { Reader } from "./reader.js";

export const DEVICES = 200; // that may be paired
const OLD_S = 30 * 86400; // an invitation that lay so long leads nowhere
const NOTHING = new Uint8Array(0);

/** `public`: X25519, base64, by which a device is the same; `paired`: s since 1970. The name may be shown.
 * @typedef {{name: string, public: string, paired: number, kind?: string}} Device */
/** What a page keeps; plain values. `private`: base64; `seen` by inbox.
 * @typedef {{private: string, name: string, devices: Device[], seen: Record<string, Seen>}} PairedDevicesState */
/** @typedef {Invitation & {device: Device}} Invited */

export class PairedDevices {
  /** @type {PairedDevicesState} */ #state;
  /** @type {(state: PairedDevicesState) => void | Promise<void>} */ #keep;
  /** Who wants to hear that the devices changed. @type {Set<() => void>} */ #watchers = new Set();

  /**
   * @param {object} [how]
   * @param {PairedDevicesState | null} [how.state] of an earlier run
   * @param {(state: PairedDevicesState) => void | Promise<void>} [how.keep] is called with each change
   * @param {string} [how.name] what others call this device, where the state has no name yet
   * @param {string} [how.kind] what it is: `phone`, `computer` …
   */
  constructor({ state = null, keep = () => undefined, name = "", kind } = {}) {
    this.#state = state ?? { private: "", name, devices: [], seen: {} };
    this.#keep = keep;
    this.kind = kind;
  }

  /** What others call this device once they are paired. */
  get name() {
    return this.#state.name;
  }

  /** @returns {readonly Device[]} */
  get devices() {
    return this.#state.devices;
  }

  /** @param {string} name */
  async setName(name) {
    await this.#change({ name: deviceTitle(name) });
  }

  /** What another tab of this browser kept. @param {PairedDevicesState} state */
  recall(state) {
    this.#state = state;
    for (const told of this.#watchers) told();
  }

  /** Gives a paired device another name here; a number follows where another has it. @param {Device} device @param {string} name @returns {Promise<Device>} */
  async rename(device, name) {
    const others = this.devices.filter((each) => each.public !== device.public).map((each) => each.name);
    const renamed = { ...this.#known(device), name: freeName(name, others) };
    await this.#change({ devices: this.devices.map((each) => (each.public === device.public ? renamed : each)) });
    return renamed;
  }

  /** It can then neither send here nor be sent to. @param {Device} device */
  async forget(device) {
    const seen = { ...this.#state.seen };
    delete seen[(await this.#inbox(this.#known(device), "own")).mailbox];
    await this.#change({ devices: this.devices.filter((each) => each.public !== device.public), seen });
  }

  /** Offers a code, tells it, and waits for the device that comes with it. A burnt or expired code is replaced, and
   * `reason` says so; code-burnt after three burnt ones. unreachable, refused. @param {Server} server
   * @param {(offered: {code: string, reason: Reason | null}) => void} tell @param {AbortSignal} ends @returns {Promise<Device>} */
  async pairByOffer(server, tell, ends) {
    const { byOffer } = await loadLazily(() => import("./pairing.js"));
    return byOffer(server, tell, (secret, ends) => this.#introduce(server, secret, true, ends), ends);
  }

  /** Pairs with the device that offered this code. bad-code, wrong-code, code-burnt, gave-up, unreachable, refused.
   * @param {Server} server @param {string} typed @param {AbortSignal} ends @param {Spent} [spent] @returns {Promise<Device>} */
  async pairByCode(server, typed, ends, spent) {
    const { byCode } = await loadLazily(() => import("./pairing.js"));
    return this.#introduce(server, await byCode(server, typed, ends, spent), false, ends);
  }

  /** Leaves the secret of a transfer in the device's inbox; `name`: the transfer's. unreachable, refused, not-found.
   * @param {Server} server @param {Device} device @param {Bytes} secret @param {string} [name] */
  async invite(server, device, secret, name = "") {
    const inbox = await this.#inbox(this.#known(device), "other");
    await server.post(inbox.mailbox, await inbox.seal({ secret, name, created: Date.now() / 1000 }, random(12)));
  }

  /** What paired devices send, as it comes, until `ends`; each once over reloads: it counts as seen when the next is
   * asked for. Devices that are paired or forgotten meanwhile are looked at from then on, or no more.
   * @param {Server} server @param {AbortSignal} ends @returns {AsyncGenerator<Invited, void>} */
  async *invitations(server, ends) {
    /** @type {{invited: Invited, taken: () => void}[]} */ const come = [];
    /** By public key. @type {Map<string, AbortController>} */ const looks = new Map();
    /** @type {unknown[]} */ const faults = [];
    const wakeup = new Wakeup();

    /** @param {Device} device @param {AbortSignal} over */
    const look = async (device, over) => {
      for await (const invitation of this.#left(server, device, over)) {
        const invited = { ...invitation, device: this.devices.find((each) => each.public === device.public) ?? device };
        await new Promise((resolve) => {
          come.push({ invited, taken: () => resolve(undefined) });
          wakeup.set();
        });
      }
    };
    const refresh = () => {
      const now = new Set(this.devices.map((each) => each.public));
      for (const [key, over] of looks) if (!now.has(key)) looks.delete(key), over.abort();
      for (const device of this.devices) {
        if (looks.has(device.public)) continue;
        const over = new AbortController();
        looks.set(device.public, over);
        look(device, over.signal).catch((error) => {
          faults.push(error);
          wakeup.set();
        });
      }
    };
    const ended = () => wakeup.set();

    this.#watchers.add(refresh);
    ends.addEventListener("abort", ended);
    try {
      refresh();
      while (!ends.aborted) {
        const next = come.shift();
        if (faults.length) throw faults[0];
        if (!next) await wakeup.wait();
        else if (looks.has(next.invited.device.public)) {
          yield next.invited;
          next.taken();
        }
      }
    } finally {
      this.#watchers.delete(refresh);
      ends.removeEventListener("abort", ended);
      for (const over of looks.values()) over.abort();
    }
  }

  /** What lies in our inbox from one device and can be read. @param {Server} server @param {Device} device @param {AbortSignal} ends
   * @returns {AsyncGenerator<Invitation, void>} */
  async *#left(server, device, ends) {
    const inbox = await this.#inbox(device, "own");
    const seen = () => this.#state.seen[inbox.mailbox];
    /** @param {Seen} last */
    const saw = (last) => this.#change({ seen: { ...this.#state.seen, [inbox.mailbox]: last } });
    for await (const body of letters(server, inbox.mailbox, seen, saw, ends)) {
      const invitation = await inbox.open(body).catch((error) => {
        if (error instanceof BurrowError) return null; // a stranger's, or none
        throw error;
      });
      if (!invitation || Date.now() / 1000 - invitation.created > OLD_S) continue;
      yield { ...invitation, name: shown(invitation.name) };
    }
  }

  /** Shows the own key to whoever has the pairing's secret, and takes theirs. @param {Server} server @param {Bytes} secret @param {boolean} first
   * @param {AbortSignal} ends @returns {Promise<Device>} */
  async #introduce(server, secret, first, ends) {
    const mailbox = mailboxId(secret);
    const box = new Box(derive(secret, NOTHING, "burrow/1 introduction"));
    const [own, other] = first ? [utf8("one"), utf8("two")] : [utf8("two"), utf8("one")];
    const key = base64(await publicOf(await this.#own()));
    const said = encodeIntroduction({ name: this.name, public: key, kind: this.kind });
    const message = await box.seal(said, own, random(12));
    await patiently(() => server.post(mailbox, message), ends); // twice is once: the first that opens counts
    for (const reader = new Reader(server, mailbox); ; ) {
      for (const { body } of await patiently(() => reader.next(WAIT_S, ends), ends)) {
        let introduction;
        try {
          introduction = await parseIntroduction(await box.open(body, other));
        } catch (error) {
          if (error instanceof BurrowError) continue; // our own, or a stranger's
          throw error;
        }
        if (introduction.public === key) throw new BurrowError("bad-request", "a device cannot be paired with itself", { reason: "itself" });
        return this.#add(introduction);
      }
      if (ends.aborted) throw ends.reason;
    }
  }

  /** @param {Introduction} introduction @returns {Promise<Device>} */
  async #add({ name, public: key, kind }) {
    const others = this.devices.filter((each) => each.public !== key);
    if (others.length >= DEVICES) throw new BurrowError("too-many", `at most ${DEVICES} devices can be paired`, { reason: "too-many-devices", n: DEVICES });
    const title = freeName(name, others.map((each) => each.name));
    const device = { name: title, public: key, paired: Date.now() / 1000, ...(kind ? { kind } : {}) };
    await this.#change({ devices: [...others, device] });
    return device;
  }

  /** @param {Device} device @returns {Device} */
  #known(device) {
    const found = this.devices.find((each) => each.public === device.public);
    if (!found) throw new BurrowError("not-found", "this device is not paired");
    return found;
  }

  /** @param {Device} device @param {"own" | "other"} owner */
  async #inbox(device, owner) {
    return pairInbox(await this.#own(), unbase64(device.public), owner);
  }

  /** The private key. @returns {Promise<Bytes>} */
  async #own() {
    if (!this.#state.private) await this.#change({ private: base64(random(KEY_BYTES)) });
    return unbase64(this.#state.private);
  }

  /** @param {Partial<PairedDevicesState>} fields */
  async #change(fields) {
    this.#state = { ...this.#state, ...fields };
    if (fields.devices) for (const told of this.#watchers) told();
    await this.#keep(this.#state);
  }
}
