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
import { sendOptions } from "./send-options.js";

const COPIED_MS = 1800;

export class SharePanel extends LitElement {
  static properties = { job: { attribute: false }, copied: { state: true } };
  static styles = [
    look,
    css`
      .panel {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 148px;
        gap: 18px;
        align-items: center;
      }
      .panel > div {
        min-width: 0;
        width: 100%;
      }
      button.code {
        font-family: var(--mono);
        font-size: clamp(1.15rem, 0.9rem + 1.6vw, 1.65rem);
        font-weight: 700;
        letter-spacing: -0.01em;
        line-height: 1.2;
        border-color: transparent;
        border-radius: 12px;
        padding: 6px 8px;
        margin-inline-start: -8px;
        overflow-wrap: anywhere;
        text-align: start;
        user-select: text;
      }
      button.code svg {
        color: var(--soft);
      }
      .told {
        margin-bottom: 2px;
      }
      .buttons {
        margin-top: 12px;
      }
      .buttons .main {
        flex: 1 1 auto;
        max-width: 20rem;
      }
      .below {
        margin-top: 10px;
      }
      @media (max-width: 460px) {
        .panel {
          grid-template-columns: minmax(0, 1fr);
          justify-items: center;
          text-align: center;
        }
        .told {
          margin-top: 0;
        }
        button.code {
          margin-inline-start: 0;
        }
        qr-code {
          width: 168px;
        }
        .buttons {
          justify-content: center;
        }
        .buttons .main {
          max-width: none;
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
    const waits = job.state !== "resting";
    return html`
      <div class="panel">
        <div>
          ${code
            ? html`<p class="soft small told">${t("tell-code")}</p>
                <button class="code" dir="ltr" aria-describedby="what" title=${t("copy-code")} @click=${() => this.#copy(code, "code")}>
                  <span>${code}</span>${this.copied === "code" ? icons.check : icons.copy}
                </button>
                <span id="what" class="unseen">${t("copy-code")}</span>`
            : html`<p class="told">${t("share-link")}</p>`}
          ${job.newCode ? html`<p class="notice small" role="status">${explain(job.newCode)}</p>` : ""}
          <div class="row wrap buttons">
            <button class="main" @click=${() => this.#copy(link, "link")}>${icons.link}${this.copied === "link" ? t("link-copied") : t("copy-link")}</button>
            ${job.asks ? html`<button @click=${() => job.makeCode()}>${t("new-code")}</button>` : ""}
            ${"share" in navigator ? html`<button @click=${this.#share}>${icons.share}${t("share")}</button>` : ""}
          </div>
        </div>
        <qr-code .text=${link}></qr-code>
      </div>
      ${waits ? html`<p class="soft small below">${t("keep-open")}</p>` : ""} ${waits && !job.peers.size ? sendOptions(job) : ""}
      <span class="unseen" role="status">${this.copied === "code" ? t("code-copied") : this.copied ? t("link-copied") : ""}</span>
    `;
  }
}
customElements.define("share-panel", SharePanel);
