/**
 * One transfer: what it is, how far, by which way, who is at the other end, and what can be done with it. What is offered
 * and what has arrived have cards of their own.
 *
 * @import { AppModel } from "../model/app-model.js"
 * @import { AnyJob } from "../model/keeping.js"
 */

import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { left, moment, size, speed } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { arrived, asked, deciding, titled, waits } from "../news.js";
import { explain } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";
import { colourOf } from "./path-sign.js";
import { peerPicture } from "./peer-picture.js";
import { sendOptions } from "./send-options.js";
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
      .top > button.round {
        align-self: flex-start;
        margin: -6px -6px 0 0;
      }
      .what {
        font-size: 1.08rem;
        font-weight: 650;
        line-height: 1.3;
      }
      .waits {
        font-size: 1.08rem;
        font-weight: 600;
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
        font-size: 0.93rem;
      }
      .foot details:first-child {
        margin-inline-end: auto;
      }
      .foot details[open] {
        flex-basis: 100%;
      }
      .words {
        font-family: var(--mono);
        font-weight: 700;
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
    /** @type {HTMLElement & {updateComplete?: Promise<unknown>} | null} */ const part = this.renderRoot.querySelector("article, offer-card, finished-card");
    if (part?.updateComplete) void part.updateComplete.then(() => part.focus()); // it may not have been drawn yet
    else part?.focus();
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
    if (arrived(job)) return html`<finished-card .job=${job} .app=${app}></finished-card>`;
    this.style.setProperty("--ring", colourOf(job.path));
    return html`
      <article class="card" data-state=${job.state} tabindex="-1" aria-label=${titled(job)}>
        <div class="top">
          ${this.#ring(job, app)}
          <div class="grow">
            <p class="what name">${titled(job)}</p>
            <p class="soft small">${this.#about(job)}</p>
          </div>
          ${this.#corner(job, app)}
        </div>
        ${this.#state(job)} ${job.missing ? html`<missing-files .job=${job}></missing-files>` : nothing} ${job.peers.size > 1 ? html`<peer-list .peers=${[...job.peers.values()]}></peer-list>` : nothing} ${this.#foot(job, app)}
      </article>
    `;
  }

  /** @param {AnyJob} job @param {AppModel} app */
  #corner(job, app) {
    if (job.over || job.state === "resting") {
      return html`<button class="round" aria-label=${t("remove")} title=${t("remove")} @click=${() => app.clear(job)}>${icons.close}</button>`;
    }
    if (job.state === "running" && job.done > 0) return nothing; // too near to where nothing is lost by a tap
    return html`<button class="round" aria-label=${t("cancel")} title=${t("cancel")} @click=${() => job.cancel()}>${icons.close}</button>`;
  }

  /** @param {AnyJob} job @param {AppModel} app */
  #ring(job, app) {
    const label = titled(job);
    if (job.state === "resting") return html`<progress-ring .fraction=${1} .inside=${icons.moon} label=${label}></progress-ring>`;
    if (job.state === "failed" || job.state === "ended") {
      return html`<progress-ring class=${job.state === "failed" ? "bad" : ""} .fraction=${job.part ?? 0} .inside=${icons.close} label=${label}></progress-ring>`;
    }
    if (job.state === "paused") return html`<progress-ring .fraction=${job.part ?? 0} .inside=${icons.pause} label=${label}></progress-ring>`;
    if (deciding(job)) return html`<progress-ring .inside=${peerPicture(asked(job), app, 46)} label=${label}></progress-ring>`;
    const begun = job.done > 0 && !job.text;
    const sign = job.text ? icons.text : job.files > 1 ? icons.folder : icons.file;
    return html`<progress-ring .fraction=${begun ? job.part : null} .inside=${begun ? null : sign} label=${label}></progress-ring>`;
  }

  /** @param {AnyJob} job */
  #about(job) {
    const parts = [];
    if (job.files > 1 && titled(job) !== t("files", { n: job.files })) parts.push(t("files", { n: job.files }));
    if (job.size !== null && !job.text) parts.push(size(job.size));
    if (job.direction === "receive" && job.sender) parts.push(t("from-name", { name: job.sender }));
    if (job.direction === "send" && asked(job)) parts.push(t("to-name", { name: asked(job) }));
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
            <p role="status">${t("stored-until", { time: moment(job.until ?? 0) })}</p>
          </div>
          ${job.direction === "send" ? html`<share-panel .job=${job}></share-panel>` : nothing}`;
      default:
        return html`<p class="notice ${job.state === "failed" ? "bad" : ""}" role="alert">${job.why ? explain(job.why) : nothing}</p>`;
    }
  }

  /** @param {AnyJob} job */
  #waiting(job) {
    const shares = job.direction === "send" && !job.to && (!job.peers.size || job.receivers === null);
    const panel = shares ? html`<share-panel .job=${job}></share-panel>` : nothing;
    if (deciding(job)) {
      return html`<p class="waits">${waits(job)}</p>
        ${panel}`;
    }
    if (shares) return html`${panel}${job.why ? html`<p class="soft small" role="status">${explain(job.why)}</p>` : nothing}`;
    return html`<p class="soft" role="status">${job.why ? explain(job.why) : t("waiting-other")}</p>`;
  }

  /** @param {AnyJob} job */
  #running(job) {
    if (job.text) return html`<p class="soft" role="status">${job.direction === "send" ? t("sending") : t("receiving")}</p>`;
    if (!job.done) return html`<p class="soft" role="status">${t("begins")}</p>`;
    const { rate, eta, size: whole } = job;
    const numbers = [whole === null ? size(job.done) : t("done-of", { done: size(Math.min(job.done, whole)), all: size(whole) })];
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
    if (job.direction === "receive" && job.trouble) return html`<p class="notice bad" role="alert">${explain(job.trouble)}</p>`;
    const again = job.direction === "send" && !job.items;
    return html`<p class="soft" role="status">${again ? (job.allowable ? t("paused-allow") : t("paused-choose")) : t("paused")}</p>`;
  }

  /** @param {AnyJob} job @param {AppModel} app */
  #foot(job, app) {
    const words = job.words.length > 0 && !job.over && !job.text;
    const options = job.direction === "send" && (job.peers.size || job.state === "running") ? sendOptions(job) : nothing; // else the share panel has them
    const acts = this.#acts(job, app);
    if (!words && !acts.length && options === nothing) return nothing;
    return html`<div class="row wrap foot">
      ${words
        ? html`<details>
            <summary>${icons.shield}${t("security-words")}</summary>
            <p class="words" dir="ltr">${job.words.join(" ")}</p>
            <p class="soft small">${t("security-words-mean")}</p>
          </details>`
        : nothing}
      ${options} ${acts}
    </div>`;
  }

  /** @param {AnyJob} job @param {AppModel} app */
  #acts(job, app) {
    const acts = [];
    if (job.state === "paused") {
      if (job.direction === "send" && !job.items && job.allowable) {
        acts.push(html`<button class="main" @click=${() => job.revive(true)}>${icons.play}${t("continue")}</button>`);
      } else if (job.direction === "send" && !job.items) {
        acts.push(html`<button class="main" @click=${() => this.#fire("choose-again", job)}>${icons.file}${t("choose-again")}</button>`);
      } else acts.push(html`<button class="main" @click=${() => job.begin()}>${icons.play}${t("continue")}</button>`);
    }
    if (job.state === "running" && job.done > 0 && !job.text) {
      acts.push(html`<button class="quiet" @click=${() => job.pause()}>${icons.pause}${t("pause")}</button>`);
      acts.push(html`<button class="quiet danger" @click=${() => job.cancel()}>${icons.close}${t("cancel")}</button>`);
    }
    if (job.direction === "send" && job.state === "resting") acts.push(takeBackButton(job));
    if (job.state === "failed" || job.state === "ended") acts.push(this.#next(job, app));
    return acts;
  }

  /** After an end that nobody wanted. @param {AnyJob} job @param {AppModel} app */
  #next(job, app) {
    if (job.direction === "send" && job.items && job.fault !== "changed") {
      const { items } = job;
      return html`<button class="main" @click=${() => app.clear(job).then(() => app.send(items))}>${icons.up}${t("send-again")}</button>`;
    }
    return html`<button class="main" @click=${() => this.#fire("send-something", job)}>${icons.up}${t("send-something")}</button>`;
  }

  /** @param {string} name @param {AnyJob} job */
  #fire(name, job) {
    this.dispatchEvent(new CustomEvent(name, { detail: job, bubbles: true, composed: true }));
  }
}
customElements.define("transfer-card", TransferCard);
