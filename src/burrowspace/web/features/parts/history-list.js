/** What this browser has sent and received; it can be cleared. */

import { shown } from "../../core/names.js";
import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { FATES } from "../fates.js";
import { moment, size } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";
import { takeBackButton } from "./take-back-button.js";

const SHOWN = 8;

export class HistoryList extends LitElement {
  static properties = { app: { attribute: false }, all: { state: true } };
  static styles = [
    look,
    css`
      .head {
        justify-content: space-between;
      }
      ul {
        margin-top: 6px;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 12px;
        align-items: center;
        padding: 9px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
      .sign {
        display: grid;
        place-items: center;
        width: 34px;
        height: 34px;
        border-radius: 50%;
        background: var(--bg-deep);
        color: var(--soft);
        flex: none;
      }
      .sign svg {
        width: 17px;
        height: 17px;
      }
      li button {
        flex: none;
        white-space: nowrap;
      }
      li .grow {
        flex: 1 1 12rem; /* else the button goes below */
      }
      .title {
        font-weight: 600;
        font-size: 0.95rem;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../model/app-model.js").AppModel | null} */ this.app = null;
    this.all = false;
    new Watching(this, () => this.app?.remembered);
  }

  async #clear() {
    await this.app?.clearHistory();
  }

  render() {
    const rows = this.app?.remembered.rows ?? [];
    if (!rows.length) return html``;
    const some = this.all ? rows : rows.slice(0, SHOWN);
    return html`<section class="card" aria-labelledby="head">
      <div class="row head">
        <h2 id="head">${t("history")}</h2>
        <button class="quiet small" @click=${this.#clear}>${icons.trash}${t("clear-history")}</button>
      </div>
      <ul>
        ${some.map(
          (row) => html`<li>
            <span class="sign" title=${row.direction === "send" ? t("sent") : t("received")}>${row.direction === "send" ? icons.up : icons.down}</span>
            <div class="grow">
              <p class="title name cut">${row.title === "a text" ? t("text-title") : shown(row.title)}</p>
              <p class="soft small cut">
                <span class="unseen">${row.direction === "send" ? t("sent") : t("received")}</span>
                ${[shown(row.peer, 40), size(row.size), moment(row.when)].filter(Boolean).join(" · ")}
              </p>
              ${row.missing ? html`<p class="soft small">${t("incomplete", { n: row.missing })}</p>` : nothing}
              ${row.fate ? html`<p class="soft small">${t(FATES[row.fate].words)}</p>` : nothing}
            </div>
            ${!row.fate && (row.until ?? 0) > Date.now() ? takeBackButton(row) : nothing}
          </li>`,
        )}
      </ul>
      ${rows.length > SHOWN && !this.all
        ? html`<button class="quiet small" @click=${() => (this.all = true)}>${t("show-all", { n: rows.length })}</button>`
        : nothing}
    </section>`;
  }
}
customElements.define("history-list", HistoryList);
