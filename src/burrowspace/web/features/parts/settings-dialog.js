/** What a person can choose: this device's name, the language, light or dark; and what is true of this page. */

import { css, html, nothing } from "../../vendor/lit.js";
import { Dialog } from "../dialog.js";
import { icons } from "../icons.js";
import { Watching } from "../watching.js";
import { LANGUAGES, spoken, t } from "../words.js";

export class SettingsDialog extends Dialog {
  static properties = { app: { attribute: false }, tastes: { attribute: false } };
  static styles = [
    Dialog.styles,
    css`
      label {
        display: grid;
        gap: 6px;
        font-weight: 600;
        font-size: 0.95rem;
      }
      .notice {
        display: flex;
        gap: 10px;
        align-items: flex-start;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/app-model.js").AppModel | null} */ this.app = null;
    /** @type {import("../model/tastes.js").Tastes | null} */ this.tastes = null;
    new Watching(this, () => this.tastes);
    new Watching(this, () => this.app); // whose name comes a moment after the page
  }

  /** @param {Event} event */
  #rename(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    void this.app?.devices.rename(input.value);
  }

  render() {
    const { app, tastes } = this;
    if (!app || !tastes) return html``;
    return html`<dialog aria-labelledby="head">
      <div class="body">
        <h2 id="head">${t("settings")}</h2>
        <div class="row">
          <device-picture .picture=${app.devices.picture}></device-picture>
          <label class="grow">${t("device-name")}
            <input type="text" maxlength="40" .value=${app.devices.name} @change=${this.#rename} />
          </label>
        </div>
        <label>${t("language")}
          <select @change=${(/** @type {Event} */ event) => tastes.speak(/** @type {HTMLSelectElement} */ (event.target).value)}>
            ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} lang=${code} ?selected=${code === spoken()}>${name}</option>`)}
          </select>
        </label>
        <label>${t("theme")}
          <select @change=${(/** @type {Event} */ event) => tastes.dress(/** @type {HTMLSelectElement} */ (event.target).value)}>
            ${[
              ["auto", t("theme-auto")],
              ["light", t("theme-light")],
              ["dark", t("theme-dark")],
            ].map(([value, words]) => html`<option value=${value} ?selected=${value === tastes.theme}>${words}</option>`)}
          </select>
        </label>
        ${app.plain
          ? html`<p class="notice bad small">${icons.open}<span>${t("about-plain")}</span></p>`
          : html`<p class="notice small">${icons.shield}<span>${t("about-encrypted")}</span></p>`}
        ${app.lasting ? nothing : html`<p class="small soft">${t("about-private")}</p>`}
        <div class="row end">
          <form method="dialog"><button class="main">${t("done")}</button></form>
        </div>
      </div>
    </dialog>`;
  }
}
customElements.define("settings-dialog", SettingsDialog);
