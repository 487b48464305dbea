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
        <h2 id="head">${t("Settings")}</h2>
        <div class="row">
          <device-picture .picture=${app.devices.picture}></device-picture>
          <label class="grow">${t("This device is called")}
            <input type="text" maxlength="40" .value=${app.devices.name} @change=${this.#rename} />
          </label>
        </div>
        <label>${t("Language")}
          <select @change=${(/** @type {Event} */ event) => tastes.speak(/** @type {HTMLSelectElement} */ (event.target).value)}>
            ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} lang=${code} ?selected=${code === spoken()}>${name}</option>`)}
          </select>
        </label>
        <label>${t("Colours")}
          <select @change=${(/** @type {Event} */ event) => tastes.dress(/** @type {HTMLSelectElement} */ (event.target).value)}>
            ${[
              ["auto", t("As the system has it")],
              ["light", t("Light")],
              ["dark", t("Dark")],
            ].map(([value, words]) => html`<option value=${value} ?selected=${value === tastes.theme}>${words}</option>`)}
          </select>
        </label>
        ${app.plain
          ? html`<p class="notice bad small">${icons.open}<span>${t("This page came over plain http. Your files are sealed all the same, but somebody in between could have changed the page itself; what arrives is held in memory. Over https all of that is better.")}</span></p>`
          : html`<p class="notice small">${icons.shield}<span>${t("Files are sealed on this device and opened on the other. The server passes on what it cannot read.")}</span></p>`}
        ${app.lasting ? nothing : html`<p class="small soft">${t("This window is private: nothing is remembered when it is closed.")}</p>`}
        <div class="row end">
          <form method="dialog"><button class="main">${t("Done")}</button></form>
        </div>
      </div>
    </dialog>`;
  }
}
customElements.define("settings-dialog", SettingsDialog);
