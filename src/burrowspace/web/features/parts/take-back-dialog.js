/** Asks whether what rests on the server is to be taken back, and does so. What became of it stands where it was asked. */

import { html, nothing } from "../../vendor/lit.js";
import { shown } from "../../core/names.js";
import { Dialog } from "../dialog.js";
import { explain, saidOfError } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class TakeBackDialog extends Dialog {
  static properties = { app: { attribute: false }, what: { state: true }, wrong: { state: true }, busy: { state: true } };

  constructor() {
    super();
    /** @type {import("../model/app-model.js").AppModel | null} */ this.app = null;
    /** @type {{id: string, title: string}} */ this.what = { id: "", title: "" };
    /** @type {import("../said.js").Said | null} */ this.wrong = null;
    this.busy = false;
    new Watching(this, () => null);
  }

  /** @param {{id: string, title: string}} what of the transfer */
  ask(what) {
    this.what = what;
    this.wrong = null;
    this.show();
  }

  async #take() {
    this.wrong = null;
    this.busy = true;
    try {
      await this.app?.takeBack(this.what.id);
      this.close();
    } catch (error) {
      this.wrong = saidOfError(error);
    } finally {
      this.busy = false;
    }
  }

  render() {
    return html`<dialog aria-labelledby="head">
      <div class="body">
        <h2 id="head">${t("take-back-heading")}</h2>
        <p class="name">${shown(this.what.title)}</p>
        <p class="soft small">${t("take-back-means")}</p>
        ${this.wrong ? html`<p class="notice bad" role="alert">${explain(this.wrong)}</p>` : nothing}
        <div class="row end">
          <button class="quiet" ?disabled=${this.busy} @click=${() => this.close()}>${t("take-back-no")}</button>
          <button class="danger" ?disabled=${this.busy} @click=${() => this.#take()}>${t("take-back")}</button>
        </div>
      </div>
    </dialog>`;
  }
}
customElements.define("take-back-dialog", TakeBackDialog);
