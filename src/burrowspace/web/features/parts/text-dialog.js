/** Where a text is written that is to be sent. Fires `items`. */

import { css, html, LitElement } from "../../vendor/lit.js";
import { TEXT_BYTES } from "../../core/manifest.js";
import { utf8 } from "../../core/bytes.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class TextDialog extends LitElement {
  static properties = { long: { state: true } };
  static styles = [
    look,
    css`
      form {
        display: grid;
        gap: 14px;
      }
      .end {
        justify-content: flex-end;
      }
    `,
  ];

  constructor() {
    super();
    this.long = false;
    new Watching(this, () => null);
  }

  /** @param {string} [text] to begin with */
  show(text = "") {
    const area = /** @type {HTMLTextAreaElement} */ (this.renderRoot.querySelector("textarea"));
    area.value = text;
    this.long = false;
    this.#dialog.showModal();
    area.focus();
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  /** @param {Event} event */
  #send(event) {
    event.preventDefault();
    const { value } = /** @type {HTMLTextAreaElement} */ (this.renderRoot.querySelector("textarea"));
    if (!value) return;
    this.long = utf8(value).length > TEXT_BYTES;
    if (this.long) return;
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent("items", { detail: [{ text: value }], bubbles: true, composed: true }));
  }

  render() {
    return html`<dialog aria-labelledby="head">
      <form @submit=${this.#send}>
        <h2 id="head">${t("Send a text")}</h2>
        <label><span class="unseen">${t("Text")}</span><textarea rows="6" placeholder=${t("A link, a password, a recipe…")}></textarea></label>
        ${this.long ? html`<p class="notice bad" role="alert">${t("A text has at most 1 MB; send it as a file.")}</p>` : ""}
        <div class="row end">
          <button type="button" class="quiet" @click=${() => this.#dialog.close()}>${t("Cancel")}</button>
          <button class="main">${icons.up}${t("Send")}</button>
        </div>
      </form>
    </dialog>`;
  }
}
customElements.define("text-dialog", TextDialog);
