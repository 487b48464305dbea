/** Where a code is typed or a link pasted, to receive. */

import { css, html, LitElement } from "../../vendor/lit.js";
import { ours } from "../../wire/runtime.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class CodeBox extends LitElement {
  static properties = { app: { attribute: false }, wrong: { state: true }, busy: { state: true } };
  static styles = [
    look,
    css`
      form {
        margin-top: 10px;
      }
      input[type="text"] {
        font-family: var(--mono);
        font-size: 1.02rem;
      }
      p.wrong {
        margin-top: 10px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/app-model.js").AppModel | null} */ this.app = null;
    this.wrong = "";
    this.busy = false;
    new Watching(this, () => null);
  }

  /** @param {Event} event */
  async #take(event) {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input"));
    const typed = input.value.trim();
    this.wrong = "";
    if (!typed) return input.focus();
    this.busy = true;
    try {
      await this.app?.take(typed);
      input.value = "";
    } catch (error) {
      const { sentence, fields } = ours(error);
      this.wrong = typeof fields.words === "string" ? t(fields.words, { name: String(fields.name) }) : t(sentence);
      input.select();
    } finally {
      this.busy = false;
    }
  }

  render() {
    return html`
      <section class="card" aria-labelledby="head">
        <h2 id="head">${t("Got a code or a link?")}</h2>
        <form class="ask" @submit=${this.#take}>
          <label>
            <span class="unseen">${t("Code or link")}</span>
            <input
              type="text"
              name="code"
              placeholder="7-walnut-orbit"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              enterkeyhint="go"
              dir="ltr"
              aria-invalid=${this.wrong ? "true" : "false"}
              aria-describedby="wrong"
            />
          </label>
          <button class="main" ?disabled=${this.busy}>${icons.down}${this.busy ? t("Asking…") : t("Receive")}</button>
        </form>
        <div id="wrong" role="alert">${this.wrong ? html`<p class="notice bad wrong">${this.wrong}</p>` : ""}</div>
      </section>
    `;
  }
}
customElements.define("code-box", CodeBox);
