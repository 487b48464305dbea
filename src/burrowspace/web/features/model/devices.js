/**
 * The devices that this one can reach by one tap: paired ones, and those of the same network. And who this one is.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../../wire/api.js"
 * @import { Device } from "../../wire/known.js"
 * @import { NearbyDevice } from "../../wire/nearby.js"
 */

import { lookOf } from "../../core/device-names.js";
import { unbase64 } from "../../core/bytes.js";
import { shown } from "../../core/names.js";
import { get, set } from "../../store/settings.js";
import { ours, random, sleep } from "../../wire/ambient.js";
import { Known } from "../../wire/known.js";
import { Nearby } from "../../wire/nearby.js";
import { Observable } from "./observable.js";

const AGAIN_S = 5;

/** A device of the list. @typedef {{key: string, name: string, picture: number, paired: boolean, known?: Device, near?: NearbyDevice}} Finding */

export class Devices extends Observable {
  name = "";
  picture = 0;
  /** @type {Server} */ #server;
  /** @type {Known | null} */ #known = null;
  /** @type {Nearby | null} */ #nearby = null;
  #ends = new AbortController();

  /** @param {Server} server */
  constructor(server) {
    super();
    this.#server = server;
  }

  /** @param {(invitation: {secret: Bytes, name: string}) => void} invited is called for each that comes */
  async begin(invited) {
    const [known, nearby, name, seed] = await Promise.all([get("known"), get("nearby"), get("name"), get("seed")]);
    const own = seed instanceof Uint8Array ? seed : random(16);
    if (own !== seed) await set("seed", own);
    const born = lookOf(own);
    this.name = typeof name === "string" && name ? name : born.name;
    this.picture = born.picture;
    this.changed();
    const { signal } = this.#ends;
    this.#known = await Known.make(/** @type {any} */ (known ?? null), (state) => set("known", state), this.name);
    this.#nearby = await Nearby.make(this.#server, /** @type {any} */ (nearby ?? null), (state) => set("nearby", state), {
      name: this.name,
      picture: this.picture,
      kind: kind(),
    });
    this.#nearby.onChange = () => this.changed();
    void this.#listen(() => /** @type {Known} */ (this.#known).invitations(this.#server, signal), invited);
    void this.#listen(() => /** @type {Nearby} */ (this.#nearby).invitations(signal), invited);
    void this.#nearby.run(signal);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#nearby?.pause();
      else this.#nearby?.resume();
    });
    addEventListener("pagehide", () => this.#nearby?.leave());
    addEventListener("pageshow", () => this.#nearby?.resume());
    this.changed();
  }

  /** @param {() => AsyncGenerator<{secret: Bytes, name: string}>} hear @param {(found: {secret: Bytes, name: string}) => void} invited */
  async #listen(hear, invited) {
    for (;;) {
      try {
        for await (const found of hear()) invited({ secret: found.secret, name: shown(found.name, 40) });
        return;
      } catch (error) {
        if (this.#ends.signal.aborted) return;
        console.info(`no invitations for a while: ${ours(error).sentence}`);
        await sleep(AGAIN_S);
      }
    }
  }

  /** Paired ones first. @returns {Finding[]} */
  get found() {
    const paired = this.paired;
    const keys = new Set(paired.map((each) => each.known?.public));
    const near = (this.#nearby?.devices ?? [])
      .filter((each) => !keys.has(each.public))
      .map((each) => ({ key: each.handle, name: each.name, picture: each.picture, paired: false, near: each }));
    return [...paired, ...near];
  }

  /** @returns {Finding[]} */
  get paired() {
    const devices = this.#known?.devices ?? [];
    return devices.map((each) => ({ key: each.public, name: shown(each.name, 40), picture: lookOf(unbase64(each.public)).picture, paired: true, known: each }));
  }

  /** The device is asked to take the transfer of this secret. unreachable, refused, missing. @param {Finding} device @param {Bytes} secret */
  async invite(device, secret) {
    if (device.known) await this.#known?.invite(this.#server, device.known, secret);
    else if (device.near) await this.#nearby?.knock(device.near, secret);
  }

  /** @param {string} wish */
  async rename(wish) {
    const name = shown(wish.trim(), 40);
    if (!name) return this.changed();
    this.name = name;
    await set("name", name);
    await this.#known?.rename(name);
    this.#nearby?.rename(name);
    this.changed();
  }

  /** @param {(code: string) => void} told @param {AbortSignal} ends @returns {Promise<Device | undefined>} */
  async pairByOffer(told, ends) {
    const device = await this.#known?.pairByOffer(this.#server, told, ends);
    this.changed();
    return device;
  }

  /** @param {string} code @param {AbortSignal} ends @returns {Promise<Device | undefined>} */
  async pairByCode(code, ends) {
    const device = await this.#known?.pairByCode(this.#server, code, ends);
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
