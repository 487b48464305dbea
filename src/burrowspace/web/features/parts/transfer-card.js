/**
 * One transfer: what it is, how far, by which way, who is at the other end, and what can be done with it.
 *
 * @import { AppModel } from "../model/app-model.js"
 * @import { Peer } from "../model/job.js"
 * @import { AnyJob } from "../model/keeping.js"
 */

import { css, html, LitElement, nothing, repeat } from "../../vendor/lit.js";
import { left, moment, percent, size, speed, took } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { Watching } from "../watching.js";
import { explain } from "../said.js";
import { t } from "../words.js";
import { colourOf } from "./path-sign.js";
import { takeBackButton } from "./take-back-button.js";

export class TransferCard extends LitElement {
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
      .what {
        font-size: 1.08rem;
        font-weight: 650;
        line-height: 1.3;
      }
      .numbers {
        font-variant-numeric: tabular-nums;
      }
      .foot {
        justify-content: flex-end;
        gap: 4px 14px;
      }
      .foot button.quiet {
        padding-inline: 6px;
      }
      .foot details {
        margin-inline-end: auto;
      }
      .foot label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 42px;
        font-size: 0.93rem;
        margin-inline-end: auto;
        cursor: pointer;
      }
      input[type="checkbox"] {
        width: 18px;
        height: 18px;
        accent-color: var(--accent);
      }
      .peers li {
        display: flex;
        gap: 12px;
        align-items: center;
        padding: 6px 0;
        border-top: 1px solid var(--line);
      }
      .peers progress-ring {
        width: 44px;
        height: 44px;
      }
      .words {
        font-family: var(--mono);
        font-weight: 700;
      }
      details summary {
        cursor: pointer;
        font-weight: 600;
        font-size: 0.9rem;
        min-height: 32px;
        display: inline-flex;
        align-items: center;
        gap: 6px;
      }
      details p {
        margin-top: 4px;
      }
      .rest {
        display: flex;
        gap: 12px;
        align-items: flex-start;
      }
      .rest svg {
        color: var(--store);
        margin-top: 2px;
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
      progress-ring.good {
        --ring: var(--direct);
      }
      progress-ring.bad {
        --ring: var(--danger);
      }
    `,
  ];

  #focused = false;

  constructor() {
    super();
    /** @type {AnyJob | null} */ this.job = null;
    /** @type {AppModel | null} */ this.app = null;
    new Watching(this, () => this.job);
  }

  /** Who uses a keyboard goes on from here. */
  focus() {
    this.renderRoot.querySelector("article")?.focus();
  }

  /** What had the focus may go with this change, as an offer does that is accepted: then the card has it. @override */
  willUpdate() {
    this.#focused = Boolean(this.shadowRoot?.activeElement);
  }

  /** @override */
  updated() {
    if (this.#focused && !this.shadowRoot?.activeElement) this.focus();
  }

  render() {
    const { job, app } = this;
    if (!job || !app) return html``;
    if (job.direction === "receive" && job.state === "offered") return html`<offer-card .job=${job} .app=${app}></offer-card>`;
    this.style.setProperty("--ring", colourOf(job.path));
    const many = job.peers.size > 1;
    return html`
      <article class="card" tabindex="-1" aria-label=${job.title || t("transfer")}>
        <div class="top">
          ${this.#ring(job)}
          <div class="grow">
            <p class="what name">${job.title || (job.direction === "receive" ? t("title-receive") : t("title-send"))}</p>
            <p class="soft small">${this.#about(job)}</p>
          </div>
          ${job.over || job.state === "resting"
            ? html`<button class="round" aria-label=${t("remove")} title=${t("remove")} @click=${() => app.clear(job)}>${icons.close}</button>`
            : nothing}
        </div>
        ${this.#state(job)} ${many ? this.#peers([...job.peers.values()]) : nothing} ${this.#foot(job)}
      </article>
    `;
  }

  /** @param {AnyJob} job */
  #ring(job) {
    if (job.state === "done") return html`<progress-ring class="good" .fraction=${1} .inside=${icons.check} label=${job.title}></progress-ring>`;
    if (job.state === "resting") return html`<progress-ring .fraction=${1} .inside=${icons.moon} label=${job.title}></progress-ring>`;
    if (job.state === "failed" || job.state === "ended") {
      return html`<progress-ring class=${job.state === "failed" ? "bad" : ""} .fraction=${job.part ?? 0} .inside=${icons.close} label=${job.title}></progress-ring>`;
    }
    if (job.state === "paused") return html`<progress-ring .fraction=${job.part ?? 0} .inside=${icons.pause} label=${job.title}></progress-ring>`;
    const begun = job.state === "running" || job.done > 0;
    const sign = job.text ? icons.text : job.files > 1 ? icons.folder : icons.file;
    return html`<progress-ring .fraction=${begun ? job.part : null} .inside=${begun ? null : sign} label=${job.title}></progress-ring>`;
  }

  /** @param {AnyJob} job */
  #about(job) {
    const parts = [];
    if (job.files > 1) parts.push(t("files", { n: job.files }));
    if (job.size !== null && !job.text) parts.push(size(job.size));
    if (job.direction === "receive" && job.sender) parts.push(t("from-name", { name: job.sender }));
    if (job.direction === "send" && job.to) parts.push(t("to-name", { name: job.to }));
    else if (job.direction === "send" && job.who.length === 1) parts.push(t("to-name", { name: job.who[0] }));
    return parts.join(" · ");
  }

  /** @param {AnyJob} job */
  #state(job) {
    switch (job.state) {
      case "starting":
        return html`<p class="soft">${t("starting")}</p>`;
      case "waiting":
        return this.#waiting(job);
      case "running":
        return this.#running(job);
      case "paused":
        return this.#paused(job);
      case "resting":
        return html`<div class="rest">
            ${icons.moon}
            <p>
              ${t("stored-until", { time: moment(job.until ?? 0) })}
            </p>
          </div>
          ${job.direction === "send" ? html`<share-panel .job=${job}></share-panel>` : nothing}`;
      case "done":
        return this.#done(job);
      case "ended":
        return html`<p class="notice" role="alert">${job.why ? explain(job.why) : nothing}</p>`;
      default:
        return html`<p class="notice bad" role="alert">${job.why ? explain(job.why) : nothing}</p>`;
    }
  }

  /** @param {AnyJob} job */
  #waiting(job) {
    if (job.direction === "send" && !job.peers.size) {
      if (job.to) return html`<p class="soft">${t("waiting-accept", { name: job.to })}</p>`;
      return html`<share-panel .job=${job}></share-panel>
        <p class="soft small said">${job.why ? explain(job.why) : t("keep-open")}</p>`;
    }
    return html`<p class="soft said" role="status">${job.why ? explain(job.why) : t("waiting-other")}</p>`;
  }

  /** @param {AnyJob} job */
  #running(job) {
    const { rate, eta, size: whole } = job;
    const numbers = [];
    if (whole !== null) numbers.push(t("done-of", { done: size(job.done), all: size(whole) }));
    else numbers.push(size(job.done));
    if (rate > 0) numbers.push(speed(rate));
    if (eta !== null && rate > 0) numbers.push(left(eta));
    return html`<div class="row wrap">
        <p class="grow numbers">${numbers.join(" · ")}</p>
        <speed-curve .speeds=${[...job.speeds]}></speed-curve>
      </div>
      ${job.peers.size > 1 ? nothing : html`<path-sign .path=${job.path} .done=${job.done}></path-sign>`}`;
  }

  /** @param {AnyJob} job */
  #paused(job) {
    const again = job.direction === "send" && !job.items;
    if (job.direction === "receive" && job.trouble) return html`<p class="notice bad" role="alert">${explain(job.trouble)}</p>`;
    return html`<p class="soft">
      ${again
        ? job.allowable
          ? t("paused-allow")
          : t("paused-choose")
        : t("paused")}
    </p>`;
  }

  /** @param {AnyJob} job */
  #done(job) {
    const { finished, seconds } = job;
    const mean = finished && seconds > 0.2 ? finished.size / seconds : 0;
    const line = mean && !job.text ? t("done-in", { time: took(seconds), speed: speed(mean) }) : t("done-checked");
    const texts = job.direction === "receive" ? job.texts : [];
    const places = finished?.places ?? [];
    return html`
      ${texts.map((text) => html`<pre class="name" tabindex="0">${text}</pre>`)}
      <p class="soft" role="status">${line}</p>
      ${places.length ? html`<p class="small name">${t("saved-in", { place: places.slice(0, 3).join(", ") })}</p>` : nothing}
      ${texts.length
        ? html`<div class="row wrap"><copy-button .text=${texts.join("\n")}></copy-button></div>`
        : nothing}
      ${job.direction === "receive" && job.received.length ? html`<received-files .job=${job}></received-files>` : nothing}
    `;
  }

  /** @param {Peer[]} peers */
  #peers(peers) {
    return html`<ul class="peers" aria-label=${t("receivers")}>
      ${repeat(
        peers.filter((peer) => peer.id),
        (peer) => peer.id,
        (peer) => html`<li>
          <progress-ring
            class=${peer.verified ? "good" : ""}
            .fraction=${peer.verified ? 1 : peer.total ? peer.done / peer.total : null}
            .inside=${peer.verified ? icons.check : null}
            label=${peer.name}
          ></progress-ring>
          <div class="grow">
            <p class="name">${peer.name || t("someone")}</p>
            <p class="soft small numbers">
              ${peer.declined ? t("peer-declined") : peer.verified ? t("peer-done") : peer.total ? `${percent(peer.done / peer.total)} · ${speed(peer.rate)}` : t("peer-there")}
            </p>
          </div>
          ${peer.verified || peer.declined ? nothing : html`<path-sign .path=${peer.path} .done=${peer.done}></path-sign>`}
        </li>`,
      )}
    </ul>`;
  }

  /** @param {AnyJob} job */
  #foot(job) {
    const words = job.words.length > 0 && !job.over;
    const acts = this.#acts(job);
    if (!words && !acts.length) return nothing;
    return html`<div class="row wrap foot">
      ${words
        ? html`<details>
            <summary>${icons.shield}${t("security-words")}</summary>
            <p class="words" dir="ltr">${job.words.join(" ")}</p>
            <p class="soft small">${t("security-words-mean")}</p>
          </details>`
        : nothing}
      ${acts}
    </div>`;
  }

  /** @param {AnyJob} job */
  #acts(job) {
    const acts = [];
    if (job.direction === "send" && job.active && !job.to) {
      acts.push(html`<label>
        <input
          type="checkbox"
          .checked=${job.receivers === null}
          @change=${(/** @type {Event} */ event) => job.openFor(/** @type {HTMLInputElement} */ (event.target).checked)}
        />
        ${t("allow-several")}
      </label>`);
      if (!job.leaving) acts.push(html`<button class="quiet" @click=${() => job.leave()}>${icons.moon}${t("upload")}</button>`);
    }
    if (job.state === "paused") {
      if (job.direction === "send" && !job.items && job.allowable) {
        acts.push(html`<button class="main" @click=${() => job.revive(true)}>${icons.play}${t("continue")}</button>`);
      } else if (job.direction === "send" && !job.items) {
        acts.push(html`<button class="main" @click=${() => this.dispatchEvent(new CustomEvent("choose-again", { detail: job, bubbles: true, composed: true }))}>
          ${icons.file}${t("choose-again")}
        </button>`);
      } else acts.push(html`<button class="main" @click=${() => job.begin()}>${icons.play}${t("continue")}</button>`);
    }
    if (job.state === "running") acts.push(html`<button class="quiet" @click=${() => job.pause()}>${icons.pause}${t("pause")}</button>`);
    if (job.direction === "send" && job.state === "resting") acts.push(takeBackButton(job));
    if (!job.over && job.state !== "resting") {
      acts.push(html`<button class="quiet danger" @click=${() => job.cancel()}>${icons.close}${t("cancel")}</button>`);
    }
    return acts;
  }
}
customElements.define("transfer-card", TransferCard);
