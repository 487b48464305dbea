/** Where a code is typed or a link pasted, to receive. */

import { css, html, LitElement } from "../../vendor/lit.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { explain, saidOfError } from "../said.js";
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
    /** @type {import("../said.js").Said | null} */ this.wrong = null;
    this.busy = false;
    new Watching(this, () => null);
  }

  /** @param {Event} event */
  async #take(event) {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input"));
    const typed = input.value.trim();
    this.wrong = null;
    if (!typed) return input.focus();
    this.busy = true;
    try {
      await this.app?.take(typed);
      input.value = "";
    } catch (error) {
      this.wrong = saidOfError(error);
      input.select();
    } finally {
      this.busy = false;
    }
  }

  /** What is wrong stands below the button: on a phone that may be below the edge of the screen. @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("wrong") && this.wrong) this.renderRoot.querySelector("#wrong")?.scrollIntoView({ block: "nearest" });
  }

  render() {
    return html`
      <section class="card" aria-labelledby="head">
        <h2 id="head">${t("receive-heading")}</h2>
        <form class="ask" @submit=${this.#take}>
          <label>
            <span class="unseen">${t("code-or-link")}</span>
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
          <button class="main" ?disabled=${this.busy}>${icons.down}${this.busy ? t("receive-busy") : t("receive")}</button>
        </form>
        <div id="wrong" role="alert">${this.wrong ? html`<p class="notice bad wrong">${explain(this.wrong)}</p>` : ""}</div>
      </section>
    `;
  }
}
customElements.define("code-box", CodeBox);
