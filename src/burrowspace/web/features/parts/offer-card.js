/**
 * Somebody offers something: what it is, how large, and where it would go. Nothing of it is here before the yes.
 *
 * @import { AppModel } from "../model/app-model.js"
 * @import { ReceiveJob } from "../model/receive-job.js"
 * @import { Way } from "../../store/ways.js"
 */

import { shown } from "../../core/names.js";
import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { size } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { titled } from "../news.js";
import { explain, valuesOf } from "../said.js";
import { reason } from "../sender-notes.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";
import { peerPicture } from "./peer-picture.js";

const LISTED = 6;

/** @type {Record<Way["kind"], {accept: string, other: string, how: string}>} */
const WAYS = {
  browser: { accept: "", other: "other-browser", how: "way-browser-how" },
  folder: { accept: "way-folder", other: "other-folder", how: "way-folder-how" },
  file: { accept: "way-file", other: "other-file", how: "way-file-how" },
  stream: { accept: "", other: "other-stream", how: "way-stream-how" },
  memory: { accept: "", other: "other-memory", how: "way-memory-how" },
};

export class OfferCard extends LitElement {
  static properties = { job: { attribute: false }, app: { attribute: false } };
  static styles = [
    look,
    css`
      .card {
        display: grid;
        gap: 12px;
        border-color: var(--accent);
        border-width: 2px;
      }
      .from {
        display: flex;
        gap: 12px;
        align-items: center;
      }
      .thing {
        display: flex;
        gap: 14px;
        align-items: center;
      }
      .thing svg {
        width: 40px;
        height: 40px;
        stroke-width: 1.5;
        color: var(--accent);
      }
      .all {
        width: 100%;
        min-height: 52px;
        font-size: 1.08rem;
      }
      .last {
        justify-content: space-between;
      }
      .choices {
        gap: 6px;
        padding-top: 4px;
      }
      .what {
        font-size: 1.2rem;
        font-weight: 700;
        line-height: 1.3;
      }
      .files {
        background: var(--bg);
        border-radius: 12px;
        padding: 8px 14px;
        font-size: 0.92rem;
      }
      .files li {
        display: flex;
        gap: 12px;
        justify-content: space-between;
        padding: 3px 0;
      }
      .files.notes li {
        display: block;
      }
      .files span:last-child {
        white-space: nowrap;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {ReceiveJob | null} */ this.job = null;
    /** @type {AppModel | null} */ this.app = null;
    new Watching(this, () => this.job);
  }

  focus() {
    this.renderRoot.querySelector("article")?.focus();
  }

  /** @param {ReceiveJob} job @param {Way} best */
  #act(job, best) {
    if (job.text) return t("show");
    if (WAYS[best.kind].accept) return t(WAYS[best.kind].accept);
    return job.size === null ? t("download") : t("download-size", { size: size(job.size) });
  }

  render() {
    const { job, app } = this;
    if (!job?.manifest || !app) return html``;
    const { manifest, sender, ways } = job;
    const entries = manifest.files.length > 1 ? manifest.files.slice(0, LISTED) : [];
    const more = manifest.files.length - entries.length;
    const unnamed = manifest.notes.slice(LISTED).length + manifest.unlisted;
    const best = ways?.best ?? null;
    const several = manifest.files.length > 1;
    return html`
      <article class="card" data-state="offered" tabindex="-1" aria-labelledby="what">
        <div class="from">
          ${peerPicture(sender, app, 44)}
          <p class="soft name">${sender ? t("offer-from", { name: sender }) : t("offer-someone")}</p>
        </div>
        <div class="thing">
          ${job.text ? icons.text : several ? icons.folder : icons.file}
          <div class="grow">
            <p class="what name" id="what">${titled(job)}</p>
            <p class="soft">
              ${[several && titled(job) !== t("files", { n: job.files }) ? t("files", { n: job.files }) : null, job.size === null ? t("size-unknown") : job.text ? null : size(job.size)]
                .filter(Boolean)
                .join(" · ")}
            </p>
          </div>
        </div>
        ${entries.length
          ? html`<ul class="files">
              ${entries.map(
                (entry) => html`<li><span class="name cut">${shown(entry.path.join("/"), 100)}</span><span class="soft">${size(entry.size ?? 0)}</span></li>`,
              )}
              ${more > 0 ? html`<li class="soft">${t("and-more", { n: more })}</li>` : nothing}
            </ul>`
          : nothing}
        ${manifest.notes.length
          ? html`<p class="small soft">${t("left-out")}</p>
              <ul class="files notes">
                ${manifest.notes.slice(0, LISTED).map(
                  (note) => html`<li>
                    <p class="name">${shown(note.path, 100)}</p>
                    <p class="soft">${[reason(note), shown(note.detail, 60)].filter(Boolean).join(" · ")}</p>
                  </li>`,
                )}
                ${unnamed > 0 ? html`<li class="soft">${t("and-more", { n: unnamed })}</li>` : nothing}
              </ul>`
          : nothing}
        ${ways?.why ? html`<p class="notice bad" role="alert">${explain({ code: `said-${ways.why.reason}`, values: valuesOf(ways.why) })}</p>` : nothing}
        ${job.trouble ? html`<p class="notice bad" role="alert">${explain(job.trouble)}</p>` : nothing}
        ${best
          ? html`<button class="main all" @click=${() => job.accept(best)}>${job.text ? icons.text : icons.down}${this.#act(job, best)}</button>`
          : nothing}
        ${best && !job.text ? html`<p class="small soft">${t(WAYS[best.kind].how)}</p>` : nothing}
        <div class="row wrap last">
          ${job.text || !ways?.others.length
            ? html`<span></span>`
            : html`<details>
                <summary>${t("other-ways")}</summary>
                <div class="choices">
                  ${ways.others.map(
                    (way) => html`<button aria-describedby=${`how-${way.kind}`} @click=${() => job.accept(way)}>${t(WAYS[way.kind].other)}</button>
                      <p class="small soft" id=${`how-${way.kind}`}>${t(WAYS[way.kind].how)}</p>`,
                  )}
                </div>
              </details>`}
          <button class="quiet" @click=${() => job.decline()}>${t("decline")}</button>
        </div>
      </article>
    `;
  }
}
customElements.define("offer-card", OfferCard);
