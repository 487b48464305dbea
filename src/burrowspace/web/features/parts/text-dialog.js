/** Where a text is written that is to be sent. Fires `items`. */

import { html } from "../../vendor/lit.js";
import { TEXT_BYTES } from "../../core/manifest.js";
import { utf8 } from "../../core/bytes.js";
import { Dialog } from "../dialog.js";
import { icons } from "../icons.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class TextDialog extends Dialog {
  static properties = { long: { state: true } };

  constructor() {
    super();
    this.long = false;
    new Watching(this, () => null);
  }

  /** @override @param {string} [text] to begin with */
  show(text = "") {
    const area = /** @type {HTMLTextAreaElement} */ (this.renderRoot.querySelector("textarea"));
    area.value = text;
    this.long = false;
    super.show();
    area.focus();
  }

  /** @param {Event} event */
  #send(event) {
    event.preventDefault();
    const { value } = /** @type {HTMLTextAreaElement} */ (this.renderRoot.querySelector("textarea"));
    if (!value) return;
    this.long = utf8(value).length > TEXT_BYTES;
    if (this.long) return;
    this.close();
    this.dispatchEvent(new CustomEvent("items", { detail: [{ text: value }], bubbles: true, composed: true }));
  }

  render() {
    return html`<dialog aria-labelledby="head">
      <form class="body" @submit=${this.#send}>
        <h2 id="head">${t("text-heading")}</h2>
        <label><span class="unseen">${t("text")}</span><textarea rows="6" placeholder=${t("text-hint")}></textarea></label>
        ${this.long ? html`<p class="notice bad" role="alert">${t("text-too-long")}</p>` : ""}
        <div class="row end">
          <button type="button" class="quiet" @click=${() => this.close()}>${t("cancel")}</button>
          <button class="main">${icons.up}${t("send")}</button>
        </div>
      </form>
    </dialog>`;
  }
}
customElements.define("text-dialog", TextDialog);
