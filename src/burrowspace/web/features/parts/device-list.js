/**
 * Devices of the same network and paired ones: named, pictured, one tap to send. Fires `to` with the device that was
 * chosen, and with items where they were dropped on it.
 *
 * @import { Finding } from "../model/devices.js"
 */

import { css, html, LitElement, repeat } from "../../vendor/lit.js";
import { fromDrop } from "../../store/picked.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class DeviceList extends LitElement {
  static properties = { devices: { attribute: false }, narrow: { type: Boolean }, over: { state: true } };
  static styles = [
    look,
    css`
      .devices {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(104px, 1fr));
        gap: 6px;
        margin-top: 12px;
      }
      .devices button {
        width: 100%;
        flex-direction: column;
        border-color: transparent;
        border-radius: 16px;
        padding: 10px 4px;
        gap: 6px;
        font-size: 0.9rem;
        line-height: 1.25;
        height: 100%;
        justify-content: flex-start;
      }
      .devices button.over {
        background: var(--accent-wash);
        border-color: var(--accent);
      }
      .how {
        color: var(--soft);
        font-weight: 500;
        font-size: 0.8rem;
      }
      .none {
        display: flex;
        gap: 12px;
        align-items: center;
        margin-top: 10px;
      }
      .head {
        justify-content: space-between;
      }
      .narrow.card {
        background: none;
        border: 0;
        box-shadow: none;
        padding: 0;
      }
      .narrow .devices {
        display: flex;
        overflow-x: auto;
        margin-top: 2px;
        padding: 3px;
      }
      .narrow .devices li {
        flex: 0 0 92px;
      }
      .narrow .how.near {
        display: none;
      }
      .narrow .devices button {
        padding: 6px 2px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/devices.js").Devices | null} */ this.devices = null;
    /** One row of animals: first on a phone. */ this.narrow = false;
    /** The key of the one that something is dragged over. */ this.over = "";
    new Watching(this, () => this.devices);
  }

  /** @param {Finding} device @param {DragEvent} event */
  async #drag(device, event) {
    if (event.type === "dragleave") {
      this.over = "";
      return;
    }
    event.preventDefault();
    this.over = event.type === "drop" ? "" : device.key;
    if (event.type !== "drop" || !event.dataTransfer) return;
    const items = await fromDrop(event.dataTransfer);
    this.#to(device, items);
  }

  /** @param {Finding} device @param {unknown} [items] */
  #to(device, items = null) {
    this.dispatchEvent(new CustomEvent("to", { detail: { device, items }, bubbles: true, composed: true }));
  }

  render() {
    const found = this.devices?.found ?? [];
    return html`
      <section class="card ${this.narrow ? "narrow" : ""}" aria-labelledby="head">
        <div class="row head">
          <h2 id="head">${found.length && this.narrow ? t("tap-to-send") : t("devices")}</h2>
          <button class="quiet small" @click=${() => this.dispatchEvent(new CustomEvent("pair", { bubbles: true, composed: true }))}>
            ${icons.link}${t("pair")}
          </button>
        </div>
        ${found.length
          ? html`<ul class="devices">
              ${repeat(
                found,
                (device) => device.key,
                (device) => html`<li>
                  <button
                    class=${this.over === device.key ? "over" : ""}
                    @click=${() => this.#to(device)}
                    @dragenter=${(/** @type {DragEvent} */ event) => this.#drag(device, event)}
                    @dragover=${(/** @type {DragEvent} */ event) => this.#drag(device, event)}
                    @dragleave=${(/** @type {DragEvent} */ event) => this.#drag(device, event)}
                    @drop=${(/** @type {DragEvent} */ event) => this.#drag(device, event)}
                  >
                    <device-picture .picture=${device.picture}></device-picture>
                    <span class="name">${device.name}</span>
                    <span class="how ${device.paired ? "" : "near"}">${device.paired ? t("paired") : t("same-network")}</span>
                  </button>
                </li>`,
              )}
            </ul>`
          : html`<div class="none soft small">
              <p>${t("devices-none")}</p>
            </div>`}
      </section>
    `;
  }
}
customElements.define("device-list", DeviceList);
