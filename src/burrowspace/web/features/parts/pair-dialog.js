/**
 * Pairs this browser with another device, by a code that one shows and the other types.
 *
 * @import { Said } from "../said.js"
 */

import { css, html, nothing } from "../../vendor/lit.js";
import { Dialog } from "../dialog.js";
import { icons } from "../icons.js";
import { explain, saidOfError } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class PairDialog extends Dialog {
  static properties = { devices: { attribute: false }, code: { state: true }, why: { state: true }, paired: { state: true }, wrong: { state: true }, busy: { state: true } };
  static styles = [
    Dialog.styles,
    css`
      .code {
        font-family: var(--mono);
        font-size: 1.5rem;
        font-weight: 700;
      }
      li {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 4px 0;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/devices.js").Devices | null} */ this.devices = null;
    this.code = "";
    /** Why the code is a new one. @type {Said | null} */ this.why = null;
    /** The name of the one that was paired just now. */ this.paired = "";
    /** @type {Said | null} */ this.wrong = null;
    this.busy = false;
    /** @type {AbortController} */ this.ends = new AbortController();
    new Watching(this, () => this.devices);
  }

  /** @override */
  show() {
    this.code = this.paired = "";
    this.why = this.wrong = null;
    this.ends = new AbortController();
    super.show();
    void this.#offer();
  }

  async #offer() {
    const { signal } = this.ends;
    try {
      const device = await this.devices?.pairByOffer((code, why) => Object.assign(this, { code, why }), signal);
      if (device) this.#done(device.name);
    } catch (error) {
      if (!signal.aborted) Object.assign(this, { code: "", why: null, wrong: saidOfError(error) });
    }
  }

  /** @param {Event} event */
  async #type(event) {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input"));
    this.wrong = null;
    if (!input.value.trim()) return input.focus();
    this.busy = true;
    try {
      const device = await this.devices?.pairByCode(input.value.trim(), this.ends.signal);
      if (device) this.#done(device.name);
    } catch (error) {
      this.wrong = saidOfError(error);
    } finally {
      this.busy = false;
    }
  }

  /** @param {string} name */
  #done(name) {
    this.paired = name;
    this.ends.abort();
  }

  render() {
    const paired = this.devices?.paired ?? [];
    return html`<dialog aria-labelledby="head" @close=${() => this.ends.abort()}>
      <div class="body">
        <h2 id="head">${t("pair-heading")}</h2>
        <p class="soft small">${t("pair-means")}</p>
        ${this.paired
          ? html`<p class="notice" role="status">${t("paired-with", { name: this.paired })}</p>`
          : html`
              <div>
                <p class="small">${t("pair-code")}</p>
                <p class="code" dir="ltr">${this.code || "…"}</p>
                ${this.why ? html`<p class="notice small">${explain(this.why)}</p>` : nothing}
              </div>
              <form class="ask" @submit=${this.#type}>
                <label>
                  <span class="unseen">${t("pair-field")}</span>
                  <input type="text" placeholder=${t("pair-hint")} autocomplete="off" autocapitalize="none" spellcheck="false" dir="ltr" />
                </label>
                <button class="main" ?disabled=${this.busy}>${icons.link}${t("pair")}</button>
              </form>
            `}
        ${this.wrong ? html`<p class="notice bad" role="alert">${explain(this.wrong)}</p>` : nothing}
        ${paired.length
          ? html`<ul aria-label=${t("paired-devices")}>
              ${paired.map(
                (device) => html`<li>
                  <device-picture .picture=${device.picture} size="36"></device-picture>
                  <span class="grow name">${device.name}</span>
                  <button class="quiet danger" @click=${() => this.devices?.forget(device)}>${icons.trash}${t("forget")}</button>
                </li>`,
              )}
            </ul>`
          : nothing}
        <div class="row end"><button @click=${() => this.close()}>${t("close")}</button></div>
      </div>
    </dialog>`;
  }
}
customElements.define("pair-dialog", PairDialog);
