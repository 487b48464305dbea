/**
 * The devices that this one can reach by one tap: paired ones, and those of the same network. And who this one is.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Invitation } from "../../core/devices.js"
 * @import { Server } from "../../wire/server/api.js"
 * @import { Device, PairedDevicesState } from "../../wire/rendezvous/devices.js"
 * @import { NearbyDevice } from "../../core/nearby-devices.js"
 * @import { NearbyState } from "../../wire/rendezvous/nearby.js"
 * @import { Said } from "../said.js"
 */

import { unbase64 } from "../../core/bytes.js";
import { lookOf } from "../../core/device-names.js";
import { shown } from "../../core/names.js";
import { settings } from "../../store/settings.js";
import { loadLazily } from "../../wire/lazy-import.js";
import { ours, sleep } from "../../wire/runtime.js";
import { PairedDevices } from "../../wire/rendezvous/devices.js";
import { Nearby } from "../../wire/rendezvous/nearby.js";
import { saidOf } from "../said.js";
import { attended } from "./attended.js";
import { Observable } from "./observable.js";

const AGAIN_S = 5;
const NAME_CHARS = 40;

/** A device of the list. @typedef {{key: string, name: string, picture: number, paired: boolean, known?: Device, near?: NearbyDevice}} Finding */
/** What another device would send. `from`: its name, where it is paired. @typedef {{secret: Bytes, from: string, near: boolean}} Invited */

export class Devices extends Observable {
  name = "";
  picture = 0;
  /** @type {Server} */ #server;
  /** @type {PairedDevices | null} */ #known = null;
  /** @type {Nearby | null} */ #nearby = null;
  /** @type {AbortController} */ #ends = new AbortController();

  /** @param {Server} server */
  constructor(server) {
    super();
    this.#server = server;
  }

  /** Who this device is and whom it knows; quick. */
  async begin() {
    const [known, nearby] = await Promise.all([settings.get("known"), settings.get("nearby")]);
    this.#nearby = new Nearby({
      server: this.#server,
      kind: kind(),
      state: /** @type {NearbyState | null} */ (nearby ?? null),
      keep: (state) => settings.set("nearby", state),
      changed: () => this.changed(),
    });
    this.name = this.#nearby.name;
    this.picture = this.#nearby.picture;
    this.#known = new PairedDevices({
      state: /** @type {PairedDevicesState | null} */ (known ?? null),
      keep: (state) => settings.set("known", state),
      name: this.name,
      kind: kind(),
    });
    this.changed();
  }

  /** Looks who is here, and calls `invited` for each who would send something. @param {(invited: Invited) => void} invited */
  run(invited) {
    const { signal } = this.#ends;
    const nearby = /** @type {Nearby} */ (this.#nearby);
    const known = /** @type {PairedDevices} */ (this.#known);
    void this.#often(signal, () => nearby.run(signal));
    // Of several pages of this browser, the one that is looked at hears what comes.
    attended("burrow-invitations", signal, async (here) => {
      await Promise.all([
        this.#often(here, async () => {
          for await (const found of known.invitations(this.#server, here)) invited({ secret: found.secret, from: shown(found.device.name, NAME_CHARS), near: false });
        }),
        this.#often(here, async () => {
          for await (const found of nearby.invitations(here)) invited({ secret: found.secret, from: "", near: true });
        }),
      ]);
    });
    document.addEventListener("visibilitychange", () => (document.hidden ? nearby.pause() : nearby.resume()));
    addEventListener("pagehide", () => nearby.leave());
    addEventListener("pageshow", () => nearby.resume());
  }

  /** Does it, and again where it failed. @param {AbortSignal} signal @param {() => Promise<void>} work */
  async #often(signal, work) {
    while (!signal.aborted) {
      try {
        await work();
        return;
      } catch (error) {
        if (signal.aborted) return;
        console.info(`devices cannot be looked for now: ${ours(error).sentence}`);
        await sleep(AGAIN_S, signal).catch(() => undefined);
      }
    }
  }

  /** Paired ones first. @returns {Finding[]} */
  get found() {
    const near = (this.#nearby?.devices ?? []).map((each) => ({ key: each.handle, name: each.name, picture: each.picture, paired: false, near: each }));
    return [...this.paired, ...near];
  }

  /** @returns {Finding[]} */
  get paired() {
    const devices = this.#known?.devices ?? [];
    return devices.map((each) => ({
      key: each.public,
      name: shown(each.name, NAME_CHARS),
      picture: lookOf(unbase64(each.public)).picture,
      paired: true,
      known: each,
    }));
  }

  /** The device is asked to take the transfer of this secret. unreachable, refused, missing. @param {Finding} device @param {Bytes} secret @param {string} title */
  async invite(device, secret, title) {
    if (device.known) await this.#known?.invite(this.#server, device.known, secret, title);
    else if (device.near) await this.#nearby?.knock(device.near, secret, title);
  }

  /** @param {string} wish */
  async rename(wish) {
    const name = shown(wish.trim(), NAME_CHARS);
    if (name) {
      await this.#known?.setName(name);
      await this.#nearby?.setName(name);
      this.name = name;
    }
    this.changed();
  }

  /** @param {(code: string, why: Said | null) => void} told @param {AbortSignal} ends @returns {Promise<Device | undefined>} */
  async pairByOffer(told, ends) {
    const device = await this.#known?.pairByOffer(this.#server, ({ code, reason }) => told(code, saidOf(reason)), ends);
    this.changed();
    return device;
  }

  /** @param {string} code @param {AbortSignal} ends @returns {Promise<Device | undefined>} */
  async pairByCode(code, ends) {
    const { spent } = await loadLazily(() => import("../../store/spent-codes.js"));
    const device = await this.#known?.pairByCode(this.#server, code, ends, spent);
    this.changed();
    return device;
  }

  /** @param {Finding} device */
  async forget(device) {
    if (device.known) await this.#known?.forget(device.known);
    this.changed();
  }
}

/** @returns {"phone" | "tablet" | "desktop"} */
function kind() {
  if (!matchMedia("(pointer: coarse)").matches) return "desktop";
  return Math.min(screen.width, screen.height) < 600 ? "phone" : "tablet";
}
