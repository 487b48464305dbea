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
        <h2 id="head">${t("Send a text")}</h2>
        <label><span class="unseen">${t("Text")}</span><textarea rows="6" placeholder=${t("A link, a password, a recipe…")}></textarea></label>
        ${this.long ? html`<p class="notice bad" role="alert">${t("A text has at most 1 MB; send it as a file.")}</p>` : ""}
        <div class="row end">
          <button type="button" class="quiet" @click=${() => this.close()}>${t("Cancel")}</button>
          <button class="main">${icons.up}${t("Send")}</button>
        </div>
      </form>
    </dialog>`;
  }
}
customElements.define("text-dialog", TextDialog);
