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
import { reason } from "../sender-notes.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

const LISTED = 6;

/** @type {Record<Way["kind"], {accept: string, other: string, how: string}>} */
const WAYS = {
  browser: { accept: "Accept", other: "Keep in this browser", how: "It arrives in this browser first, survives a reload, and then goes to your downloads." },
  folder: { accept: "Choose a folder", other: "Into a folder…", how: "It is written straight into the folder that you choose." },
  file: { accept: "Choose where", other: "Save as…", how: "It is written straight to where you choose." },
  stream: { accept: "Accept", other: "Straight to downloads", how: "It goes straight to your downloads. Keep this page open until it is done." },
  memory: { accept: "Accept", other: "Keep in memory", how: "This page holds it until it is whole, then it goes to your downloads. Keep the page open." },
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

  render() {
    const { job } = this;
    if (!job?.manifest) return html``;
    const { manifest, sender, ways } = job;
    const entries = manifest.files.length > 1 ? manifest.files.slice(0, LISTED) : [];
    const more = manifest.files.length - entries.length;
    const unnamed = manifest.notes.slice(LISTED).length + manifest.unlisted;
    const best = ways?.best ?? null;
    return html`
      <article class="card" aria-labelledby="what">
        <p class="soft">${sender ? t("{name} would like to send you", { name: sender }) : t("Somebody would like to send you")}</p>
        <p class="what name" id="what">${job.title}</p>
        <p class="soft">
          ${[manifest.files.length === 1 ? null : t("{n} files", { n: manifest.files.length }), job.size === null ? t("size not known yet") : size(job.size)]
            .filter(Boolean)
            .join(" · ")}
        </p>
        ${entries.length
          ? html`<ul class="files">
              ${entries.map(
                (entry) => html`<li><span class="name cut">${shown(entry.path.join("/"), 100)}</span><span class="soft">${size(entry.size ?? 0)}</span></li>`,
              )}
              ${more > 0 ? html`<li class="soft">${t("and {n} more", { n: more })}</li>` : nothing}
            </ul>`
          : nothing}
        ${manifest.notes.length
          ? html`<p class="small soft">${t("Left out by the sender, or sent changed:")}</p>
              <ul class="files notes">
                ${manifest.notes.slice(0, LISTED).map(
                  (note) => html`<li>
                    <p class="name">${shown(note.path, 100)}</p>
                    <p class="soft">${[reason(note), shown(note.detail, 60)].filter(Boolean).join(" · ")}</p>
                  </li>`,
                )}
                ${unnamed > 0 ? html`<li class="soft">${t("and {n} more", { n: unnamed })}</li>` : nothing}
              </ul>`
          : nothing}
        ${ways?.why ? html`<p class="notice bad" role="alert">${t(ways.why)}</p>` : nothing}
        ${job.trouble ? html`<p class="notice bad" role="alert">${t(job.trouble)}</p>` : nothing}
        ${best && !job.text ? html`<p class="small soft">${t(WAYS[best.kind].how)}</p>` : nothing}
        <div class="row wrap">
          ${best ? html`<button class="main" @click=${() => job.accept(best)}>${icons.down}${job.text ? t("Show") : t(WAYS[best.kind].accept)}</button>` : nothing}
          ${job.text ? nothing : (ways?.others ?? []).map((way) => html`<button @click=${() => job.accept(way)}>${t(WAYS[way.kind].other)}</button>`)}
          <button class="quiet danger" @click=${() => job.decline()}>${t("Decline")}</button>
        </div>
      </article>
    `;
  }
}
customElements.define("offer-card", OfferCard);
