/**
 * How others come to what is sent: the code to say, the link to pass on, the QR to point a phone at.
 *
 * @import { SendJob } from "../model/send-job.js"
 */

import { css, html, LitElement } from "../../vendor/lit.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { explain } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";
import { copy } from "../clipboard.js";

const COPIED_MS = 1800;

export class SharePanel extends LitElement {
  static properties = { job: { attribute: false }, copied: { state: true } };
  static styles = [
    look,
    css`
      .panel {
        display: grid;
        grid-template-columns: 148px minmax(0, 1fr);
        gap: 18px;
        align-items: center;
      }
      .panel > div {
        min-width: 0;
        width: 100%;
      }
      .code {
        font-family: var(--mono);
        font-size: clamp(1.15rem, 0.9rem + 1.6vw, 1.65rem);
        font-weight: 700;
        letter-spacing: -0.01em;
        line-height: 1.2;
        overflow-wrap: anywhere;
      }
      .told {
        margin-bottom: 2px;
      }
      .buttons {
        margin-top: 12px;
      }
      .link {
        font-family: var(--mono);
        font-size: 0.78rem;
        margin-top: 10px;
        color: var(--soft);
      }
      @media (max-width: 460px) {
        .panel {
          grid-template-columns: minmax(0, 1fr);
          justify-items: center;
          text-align: center;
        }
        qr-code {
          width: 168px;
        }
        .buttons {
          justify-content: center;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {SendJob | null} */ this.job = null;
    this.copied = "";
    new Watching(this, () => this.job);
  }

  /** @param {string} text @param {string} what */
  async #copy(text, what) {
    if (!(await copy(text))) return;
    this.copied = what;
    setTimeout(() => (this.copied = ""), COPIED_MS);
  }

  #share() {
    const { job } = this;
    if (job?.link) navigator.share({ title: job.title, url: job.link }).catch(() => undefined); // closed by the person
  }

  render() {
    const { job } = this;
    if (!job?.link) return html``;
    const { link, code } = job;
    return html`
      <div class="panel">
        <qr-code .text=${link}></qr-code>
        <div>
          ${code
            ? html`<p class="soft small told">${t("tell-code")}</p>
                <p class="code" dir="ltr">${code}</p>`
            : html`<p class="told">${t("share-link")}</p>`}
          ${job.newCode ? html`<p class="notice small">${explain(job.newCode)}</p>` : ""}
          <div class="row wrap buttons">
            ${code
              ? html`<button @click=${() => this.#copy(code, "code")}>${icons.copy}${this.copied === "code" ? t("copied") : t("copy-code")}</button>`
              : ""}
            ${code || job.asks ? html`<button class=${job.asks ? "main" : "quiet"} @click=${() => job.makeCode()}>${t("new-code")}</button>` : ""}
            <button @click=${() => this.#copy(link, "link")}>${icons.link}${this.copied === "link" ? t("copied") : t("copy-link")}</button>
            ${"share" in navigator ? html`<button @click=${this.#share}>${icons.share}${t("share")}</button>` : ""}
          </div>
          <p class="link cut" dir="ltr">${link}</p>
        </div>
      </div>
      <span class="unseen" role="status">${this.copied ? t("copied") : ""}</span>
    `;
  }
}
customElements.define("share-panel", SharePanel);
