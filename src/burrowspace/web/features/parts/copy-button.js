/** Copies a text, and says that it did. */

import { html, LitElement } from "../../vendor/lit.js";
import { copy } from "../clipboard.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { t } from "../words.js";

const COPIED_MS = 1800;

export class CopyButton extends LitElement {
  static properties = { text: {}, main: { type: Boolean }, copied: { state: true } };
  static styles = look;

  constructor() {
    super();
    this.text = "";
    this.copied = false;
    /** It is the one act of its card. */ this.main = false;
  }

  async #copy() {
    this.copied = await copy(this.text);
    setTimeout(() => (this.copied = false), COPIED_MS);
  }

  render() {
    return html`<button class=${this.main ? "main" : ""} @click=${this.#copy}>${icons.copy}${this.copied ? t("copied") : t("copy")}</button>
      <span class="unseen" role="status">${this.copied ? t("copied") : ""}</span>`;
  }
}
customElements.define("copy-button", CopyButton);
