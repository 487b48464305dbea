/**
 * Which files could not be sent to the end, and why; once it is over, what to do about them.
 *
 * @import { AnyJob } from "../model/keeping.js"
 */

import { shown } from "../../core/names.js";
import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { look } from "../look.js";
import { reason } from "../sender-notes.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

const LISTED = 6;

export class MissingFiles extends LitElement {
  static properties = { job: { attribute: false }, all: { state: true } };
  static styles = [
    look,
    css`
      ul {
        background: var(--bg);
        border-radius: 12px;
        padding: 8px 14px;
        font-size: 0.92rem;
      }
      ul.all {
        max-height: 50vh;
        overflow: auto;
      }
      li {
        padding: 3px 0;
      }
      p + ul,
      ul + p {
        margin-top: 8px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {AnyJob | null} */ this.job = null;
    this.all = false;
    new Watching(this, () => this.job);
  }

  render() {
    const { job } = this;
    if (!job?.missing) return html``;
    const listed = this.all ? job.lost : job.lost.slice(0, LISTED);
    const more = job.missing - listed.length;
    const done = job.state === "done"; // then the card's headline says it
    return html`
      ${done ? nothing : html`<p class="small" role="status">${t("lost-now", { n: job.missing })}</p>`}
      <ul class=${this.all ? "all" : ""} tabindex=${this.all ? 0 : nothing}>
        ${listed.map(
          (note) => html`<li>
            <p class="name">${shown(note.path, 100)}</p>
            <p class="soft">${reason(note)}</p>
          </li>`,
        )}
        ${more > 0 ? html`<li class="soft">${this.#more(more, listed.length < job.lost.length)}</li>` : nothing}
      </ul>
      ${done || job.state === "resting" ? html`<p class="soft small">${next(job)}</p>` : nothing}
    `;
  }

  /** @param {number} n @param {boolean} named some of them have a name here */
  #more(n, named) {
    if (!named) return t("and-more", { n });
    return html`<button class="quiet small" @click=${() => (this.all = true)}>${t("and-more", { n })}</button>`;
  }
}
customElements.define("missing-files", MissingFiles);

/** @param {AnyJob} job */
function next(job) {
  if (job.direction === "send") return t("missing-send");
  return job.sender ? t("missing-ask", { name: job.sender }) : t("missing-ask-sender");
}
