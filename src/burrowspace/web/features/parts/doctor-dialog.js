/**
 * What works between this page and the server, line by line, and what to do about the rest.
 *
 * @import { Finding } from "../model/doctor.js"
 */

import { css, html, nothing } from "../../vendor/lit.js";
import { loadLazily } from "../../wire/lazy-import.js";
import { Dialog } from "../dialog.js";
import { speed } from "../format.js";
import { icons } from "../icons.js";
import { explain, saidOfError } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

const SIGNS = { good: icons.check, doubtful: icons.open, bad: icons.close };

export class DoctorDialog extends Dialog {
  static properties = { app: { attribute: false }, findings: { state: true }, busy: { state: true }, wrong: { state: true } };
  static styles = [
    Dialog.styles,
    css`
      li {
        display: flex;
        gap: 12px;
        padding: 9px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
      .good svg {
        color: var(--direct);
      }
      .doubtful svg {
        color: var(--store);
      }
      .bad svg {
        color: var(--danger);
      }
      .check {
        font-weight: 650;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/app-model.js").AppModel | null} */ this.app = null;
    /** @type {Finding[]} */ this.findings = [];
    this.busy = false;
    this.wrong = null;
    new Watching(this, () => null);
  }

  /** @override */
  show() {
    super.show();
    if (!this.busy) void this.#examine();
  }

  async #examine() {
    if (!this.app) return;
    this.findings = [];
    this.busy = true;
    this.wrong = null;
    try {
      const { examine } = await loadLazily(() => import("../model/doctor.js"));
      for await (const finding of examine(this.app.server)) this.findings = [...this.findings, finding];
    } catch (error) {
      this.wrong = saidOfError(error);
    } finally {
      this.busy = false;
    }
  }

  /** @param {Finding} finding */
  #line({ check, verdict, found, todo, values = {} }) {
    const shown = "up" in values ? { up: speed(Number(values.up)), down: speed(Number(values.down)) } : values;
    const verdicts = { good: t("good"), doubtful: t("doubtful"), bad: t("bad") };
    return html`<li class=${verdict}>
      ${SIGNS[verdict]}
      <div>
        <p><span class="check">${t(check)}</span> <span class="unseen">${verdicts[verdict]}</span></p>
        <p class="small">${t(found, shown)}</p>
        ${todo ? html`<p class="small soft">${t(todo)}</p>` : nothing}
      </div>
    </li>`;
  }

  render() {
    return html`<dialog aria-labelledby="head">
      <div class="body">
        <h2 id="head">${t("check-connection")}</h2>
        <ul aria-live="polite">
          ${this.findings.map((finding) => this.#line(finding))}
        </ul>
        ${this.wrong ? html`<p class="notice bad" role="alert">${explain(this.wrong)}</p>` : nothing}
        ${this.busy ? html`<p class="soft" role="status">${t("looking")}</p>` : nothing}
        <p class="small soft">${t("doctor-more")}</p>
        <div class="row end">
          <button aria-disabled=${this.busy} @click=${() => this.busy || this.#examine()}>${icons.pulse}${t("check-again")}</button>
          <button class="main" @click=${() => this.close()}>${t("close")}</button>
        </div>
      </div>
    </dialog>`;
  }
}
customElements.define("doctor-dialog", DoctorDialog);
