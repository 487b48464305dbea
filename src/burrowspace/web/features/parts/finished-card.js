/**
 * A transfer that arrived: where it is, or to whom it was delivered; and as one line, once the person has seen that.
 *
 * @import { AppModel } from "../model/app-model.js"
 * @import { AnyJob } from "../model/keeping.js"
 */

import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { size, speed, took } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { ended, rest, titled } from "../news.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class FinishedCard extends LitElement {
  static properties = { job: { attribute: false }, app: { attribute: false } };
  static styles = [
    look,
    css`
      article {
        display: grid;
        gap: 12px;
        grid-template-columns: minmax(0, 1fr);
      }
      .top {
        display: flex;
        gap: 14px;
        align-items: center;
      }
      .folded.card {
        padding: 8px 12px;
      }
      .folded .sign {
        color: var(--direct);
        display: grid;
      }
      .folded[data-state="incomplete"] .sign {
        color: var(--store);
      }
      .end {
        font-size: 1.2rem;
        font-weight: 700;
        line-height: 1.3;
      }
      .top > button.round {
        align-self: flex-start;
      }
      pre {
        margin: 0;
        font: inherit;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        background: var(--bg);
        border: 1px solid var(--line);
        border-radius: 12px;
        padding: 12px 14px;
        max-height: 40vh;
        overflow: auto;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {AnyJob | null} */ this.job = null;
    /** @type {AppModel | null} */ this.app = null;
    new Watching(this, () => this.job);
  }

  focus() {
    this.renderRoot.querySelector("article")?.focus();
  }

  /** @param {boolean} folded */
  #fold(folded) {
    if (!this.job) return;
    this.job.folded = folded;
    this.job.changed();
    void this.updateComplete.then(() => this.focus());
  }

  render() {
    const { job, app } = this;
    if (!job || !app) return html``;
    const texts = job.direction === "receive" ? job.texts : [];
    if (job.folded) return this.#line(job, app, texts.length > 0);
    const saves = job.direction === "receive" && job.received.length > 0;
    const details = [job.text ? "" : titled(job), job.missing ? rest(job) : lasted(job)].filter(Boolean);
    return html`
      <article class="card" data-state=${stateOf(job)} tabindex="-1" aria-label=${titled(job)}>
        <div class="top">
          <arrived-sign ?fresh=${job.fresh} ?incomplete=${job.missing > 0}></arrived-sign>
          <div class="grow">
            <p class="end name">${ended(job)}</p>
            ${details.map((each) => html`<p class="soft small name">${each}</p>`)}
          </div>
          ${texts.length
            ? nothing
            : html`<button class="round" aria-label=${t("remove")} title=${t("remove")} @click=${() => app.clear(job)}>${icons.close}</button>`}
        </div>
        ${job.missing ? html`<missing-files .job=${job}></missing-files>` : nothing}
        ${texts.map((text) => html`<pre class="name" tabindex="0">${text}</pre>`)}
        ${texts.length
          ? html`<div class="row wrap">
              <copy-button main .text=${texts.join("\n")}></copy-button>
              <button class="quiet danger" @click=${() => app.clear(job)}>${icons.trash}${t("delete-now")}</button>
            </div>`
          : nothing}
        ${saves ? html`<received-files .job=${job}></received-files>` : nothing}
        ${job.peers.size > 1 ? html`<peer-list .peers=${[...job.peers.values()]}></peer-list>` : nothing}
      </article>
    `;
  }

  /** @param {AnyJob} job @param {AppModel} app @param {boolean} text it holds one that may be a secret */
  #line(job, app, text) {
    return html`<article class="card folded" data-state=${stateOf(job)} tabindex="-1" aria-label=${titled(job)}>
      <div class="row">
        <span class="sign">${job.missing ? icons.warning : icons.check}</span>
        <p class="grow cut name">${text || job.text ? ended(job) : t("two-parts", { first: titled(job), second: ended(job) })}</p>
        <button class="quiet small" aria-expanded="false" @click=${() => this.#fold(false)}>${t("show")}</button>
        <button class="round" aria-label=${text ? t("delete-now") : t("remove")} title=${text ? t("delete-now") : t("remove")} @click=${() => app.clear(job)}>
          ${text ? icons.trash : icons.close}
        </button>
      </div>
    </article>`;
  }
}
customElements.define("finished-card", FinishedCard);

/** @param {AnyJob} job */
function stateOf(job) {
  return job.missing ? "incomplete" : "done";
}

/** How long it took. @param {AnyJob} job */
function lasted({ finished, seconds, text, size: whole }) {
  if (text) return "";
  const mean = finished && seconds > 0.2 ? finished.size / seconds : 0;
  const line = mean ? t("done-in", { time: took(seconds), speed: speed(mean) }) : t("done-checked");
  return whole === null ? line : t("two-parts", { first: size(whole), second: line });
}
