/**
 * Devices that are nearby: this one says that it is here, sees who else is, and knocks at theirs.
 *
 * Who is nearby is what the server says (the same address, as it sees it); whoever that is may call itself anything. So
 * names are cleaned, keys checked, and a knock is only ever a question to a person. Spec: docs/spec/nearby.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Invitation } from "../../core/invitation.js"
 * @import { NearbyDevice } from "../../core/nearby-devices.js"
 * @import { Here, Server } from "../server/api.js"
 * @import { Seen } from "./letters.js"
 */

import { base64, hex, unbase64 } from "../../core/bytes.js";
import { lookOf } from "../../core/device-names.js";
import { deviceTitle } from "../../core/devices.js";
import { BurrowError } from "../../core/errors.js";
import { shown } from "../../core/names.js";
import { openKnock, sealKnock } from "../../core/nearby.js";
import { parseDevices } from "../../core/nearby-devices.js";
import { KEY_BYTES, publicOf } from "../../core/x25519.js";
import { random, randomId, sleep, Wakeup } from "../runtime.js";
import { WAIT_S } from "../server/api.js";
import { patiently } from "./conversation.js";
import { letters } from "./letters.js";
import { RETRY_MOST_S, RETRY_S } from "./reader.js";

const TOKEN_BYTES = 32;
const CLOSED_S = 4; // that a page which goes is still seen: it may be a reload, or another page of this browser is open
const OLD_S = 86400; // whoever knocked so long ago is not nearby any more

/** What a page keeps, so that a reload is no new device; plain values. `private`: base64.
 * @typedef {Here & {inbox: string, private: string, name: string, picture: number, seen?: Seen}} NearbyState */

export class Nearby {
  /** Who else is here. @type {readonly NearbyDevice[]} */ devices = [];
  /** Whether the server has such a thing; null: not known yet. @type {boolean | null} */ supported = null;

  /** @type {NearbyState} */ #state;
  /** @type {(state: NearbyState) => void | Promise<void>} */ #keep;
  /** @type {(devices: readonly NearbyDevice[]) => void} */ #changed;
  /** Of the last answer; null: say that we are here. @type {number | null} */ #version = null;
  /** Nobody keeps the state yet. */ #fresh;
  #paused = false;
  /** Ends the request under way. */ #turn = new AbortController();
  #resumed = new Wakeup();
  /** @type {Promise<boolean>} */ #asked;
  /** @type {(supported: boolean) => void} */ #tellAsked = () => {};

  /**
   * @param {object} how
   * @param {Server} how.server
   * @param {string} how.kind what this device is, one of KINDS
   * @param {string} [how.name] what others see; without one it keeps or gets one like "Quiet Fox"
   * @param {NearbyState | null} [how.state] of an earlier run
   * @param {(state: NearbyState) => void | Promise<void>} [how.keep] is called at the first run and with each change
   * @param {(devices: readonly NearbyDevice[]) => void} [how.changed] is called with each new list
   */
  constructor({ server, kind, name, state = null, keep = () => undefined, changed = () => undefined }) {
    this.server = server;
    this.kind = kind;
    this.#keep = keep;
    this.#changed = changed;
    this.#fresh = !state;
    this.#state = state ?? fresh();
    if (name) this.#state = { ...this.#state, name: deviceTitle(name) };
    this.#asked = new Promise((resolve) => (this.#tellAsked = resolve));
  }

  /** What others call this device. */
  get name() {
    return this.#state.name;
  }

  /** Which picture they see: see pictureOf. */
  get picture() {
    return this.#state.picture;
  }

  /** @param {string} name */
  async setName(name) {
    await this.#change({ name: deviceTitle(name) });
    this.#turn.abort(); // it is said anew
  }

  /** Is here and looks who else is, until `ends`; nothing where the server has no such thing. @param {AbortSignal} ends */
  async run(ends) {
    try {
      const { features } = await patiently(() => this.server.hello(), ends);
      this.supported = Array.isArray(features) && features.includes("nearby");
      this.#tellAsked(this.supported);
      if (!this.supported) return;
      if (this.#fresh) await this.#change({});
      await this.#look(ends);
    } catch (error) {
      if (!ends.aborted) throw error;
    } finally {
      this.#tellAsked(false);
      this.#show([]);
    }
  }

  /** Others see it no more after a while, and it asks for nothing: a hidden tab, a phone that locks. */
  pause() {
    if (this.#paused) return;
    this.#stop();
    // A call that is cut looks like a device that is gone, so this one says that it is still here.
    if (this.#version !== null) this.server.nearby(this.#state, this.#version, 0).catch(() => undefined); // else it is gone sooner
  }

  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#resumed.set();
  }

  /** Others see it no more in a moment, and it pauses: for `pagehide`; resume() where the page comes back. */
  leave() {
    this.#stop();
    if (this.supported) this.server.unannounce(this.#state, CLOSED_S).catch(() => undefined); // the page is going; else it runs out
  }

  #stop() {
    this.#paused = true;
    this.#turn.abort();
  }

  /** Asks that device's person to take a transfer. missing: it is not there any more; bad-request, refused, unreachable.
   * @param {NearbyDevice} device @param {Bytes} secret of the transfer @param {string} [name] the transfer's */
  async knock(device, secret, name = "") {
    const invitation = { secret, name, created: Date.now() / 1000 };
    const message = await sealKnock(invitation, device.handle, unbase64(device.public), random(KEY_BYTES), random(12));
    await this.server.knock(this.#state, device.handle, message);
  }

  /** Who knocks here, until `ends`; each once over reloads: it counts as seen when the next is asked for. Nothing says
   * who it was: ask the person. @param {AbortSignal} ends @returns {AsyncGenerator<Invitation, void>} */
  async *invitations(ends) {
    const gone = new Promise((resolve) => ends.addEventListener("abort", () => resolve(false), { once: true }));
    if (ends.aborted || !(await Promise.race([this.#asked, gone]))) return;
    const { inbox, handle, private: own } = this.#state;
    /** @param {Seen} seen */
    const saw = (seen) => this.#change({ seen });
    for await (const body of letters(this.server, inbox, () => this.#state.seen, saw, ends)) {
      const invitation = await openKnock(body, handle, unbase64(own)).catch((error) => {
        if (error instanceof BurrowError) return null; // whoever it was: it is no knock
        throw error;
      });
      if (invitation && Date.now() / 1000 - invitation.created <= OLD_S) yield { ...invitation, name: shown(invitation.name) };
    }
  }

  /** @param {AbortSignal} ends */
  async #look(ends) {
    const key = base64(await publicOf(unbase64(this.#state.private)));
    for (let delay = RETRY_S; ; ) {
      await this.#awake(ends);
      const turn = AbortSignal.any([ends, this.#turn.signal]);
      const { name, picture, inbox } = this.#state;
      const card = { name, kind: this.kind, picture, public: key, inbox };
      try {
        const found = await (this.#version === null
          ? this.server.announce(this.#state, card, turn)
          : this.server.nearby(this.#state, this.#version, WAIT_S, turn));
        if (found) this.#heard(found);
        delay = RETRY_S;
      } catch (error) {
        if (ends.aborted) throw ends.reason;
        if (turn.aborted) continue; // paused, or another name
        if (!(error instanceof BurrowError)) throw error;
        if (error.code === "missing") this.#version = null; // it had run out
        await sleep(delay, turn).catch(() => undefined);
        delay = Math.min(2 * delay, RETRY_MOST_S);
      }
    }
  }

  /** Until it is not paused. @param {AbortSignal} ends */
  async #awake(ends) {
    while (this.#paused) await this.#resumed.wait(undefined, ends);
    if (ends.aborted) throw ends.reason;
    if (this.#turn.signal.aborted) {
      this.#turn = new AbortController();
      this.#version = null;
    }
  }

  /** @param {unknown} found */
  #heard(found) {
    const { version, devices } = /** @type {Record<string, unknown>} */ (found);
    if (!Number.isSafeInteger(version)) {
      throw new BurrowError("refused", "what the server says of devices nearby cannot be read");
    }
    this.#version = /** @type {number} */ (version);
    this.#show(parseDevices(devices, this.#state.handle));
  }

  /** @param {NearbyDevice[]} devices */
  #show(devices) {
    if (JSON.stringify(devices) === JSON.stringify(this.devices)) return;
    this.devices = devices;
    this.#changed(devices);
  }

  /** @param {Partial<NearbyState>} fields */
  async #change(fields) {
    this.#state = { ...this.#state, ...fields };
    await this.#keep(this.#state);
  }
}

/** A device that was never here. @returns {NearbyState} */
function fresh() {
  const handle = random(16);
  const token = hex(random(TOKEN_BYTES));
  return { handle: hex(handle), token, inbox: randomId(), private: base64(random(KEY_BYTES)), ...lookOf(handle) };
}
