/**
 * The mouth of the burrow: where files are dropped, pasted or picked. Fires `items` with what was chosen and `write` when
 * the person wants to send a text.
 *
 * @import { Picked } from "../../store/picked.js"
 */

import { css, html, LitElement } from "../../vendor/lit.js";
import { fromDrop, fromInput } from "../../store/picked.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { pick } from "../picking.js";
import { explain, saidOfError } from "../said.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";

export class DropBurrow extends LitElement {
  static properties = { over: { state: true }, small: { type: Boolean }, self: { type: Boolean }, busy: { state: true }, count: { state: true }, wrong: { state: true } };
  static styles = [
    look,
    css`
      .burrow {
        position: relative;
        display: grid;
        place-items: center;
        padding: 22px 16px 26px;
        border-radius: 28px;
        border: 2px dashed transparent;
      }
      .over.burrow {
        border-color: var(--accent);
      }
      button.mouth {
        width: min(372px, 96%);
        min-height: 196px; /* more where the text is large */
        border: 0;
        padding: 0 0 14px;
        border-radius: 50% 50% 16px 16px / 97% 97% 16px 16px;
        background: radial-gradient(
          ellipse 50% 100% at 50% 100%,
          var(--earth-3) 0 66%,
          var(--earth-2) 67% 80%,
          var(--earth-1) 81% 90%,
          var(--earth-rim) 91% 100%
        );
        box-shadow: 0 14px 30px rgb(40 25 8 / 22%);
        color: #fffaf2;
        font-size: 1.08rem;
        transition: transform 0.2s;
        transform-origin: 50% 100%;
      }
      button.mouth:hover {
        transform: scale(1.025);
      }
      .over button.mouth {
        transform: scale(1.09);
      }
      .ground {
        width: min(460px, 100%);
        height: 3px;
        border-radius: 3px;
        background: linear-gradient(90deg, transparent, var(--earth-rim) 18% 82%, transparent);
      }
      .inside {
        display: grid;
        justify-items: center;
        gap: 2px;
        padding: 34px 15% 0;
      }
      .inside svg {
        width: 34px;
        height: 34px;
        stroke-width: 2.2;
      }
      .big {
        font-weight: 700;
        font-size: 1.2rem;
        line-height: 1.25;
      }
      .or {
        font-weight: 500;
        font-size: 0.93rem;
      }
      .more {
        margin-top: 18px;
        justify-content: center;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 8px;
      }
      .line .send {
        flex: 1 1 14rem;
        border-style: dashed;
        min-height: 52px;
      }
      @media (max-width: 460px) {
        .line .send {
          flex-basis: 100%;
        }
        .line button {
          flex: 1 1 auto;
        }
      }
      .over.line .send {
        background: var(--accent-wash);
        border-color: var(--accent);
      }
      input[type="file"] {
        display: none;
      }
      @media (hover: none) {
        .or.mouse {
          display: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.over = false;
    /** Something else is on the page: one row is enough. */ this.small = false;
    /** The person came to receive. */ this.self = false;
    this.busy = false;
    /** Things that were found so far in what was chosen. */ this.count = 0;
    /** @type {import("../said.js").Said | null} */ this.wrong = null;
    new Watching(this, () => null);
  }

  connectedCallback() {
    super.connectedCallback();
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) addEventListener(kind, this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) removeEventListener(kind, this);
  }

  /** What is dragged over the page. @param {Event} event */
  handleEvent(event) {
    if (!(event instanceof DragEvent) || event.defaultPrevented || !event.dataTransfer) return;
    if (event.type === "dragleave") {
      if (!event.relatedTarget) this.over = false;
      return;
    }
    if (![...event.dataTransfer.types].some((type) => type === "Files" || type === "text/plain")) return;
    event.preventDefault();
    this.over = event.type !== "drop";
    if (event.type === "drop") void this.#chosen(fromDrop(event.dataTransfer, this.#counted));
    else event.dataTransfer.dropEffect = "copy";
  }

  /** @param {number} n */
  #counted = (n) => (this.count = n);

  /** @param {Promise<Picked[] | null>} coming */
  async #chosen(coming) {
    this.busy = true;
    this.count = 0;
    this.wrong = null;
    try {
      const items = await coming;
      if (items?.length) this.dispatchEvent(new CustomEvent("items", { detail: items, bubbles: true, composed: true }));
    } catch (error) {
      this.wrong = saidOfError(error);
    } finally {
      this.busy = false;
    }
  }

  /** Opens the browser's own picker. @param {boolean} folder */
  pick(folder) {
    const asked = pick(folder, this.#counted);
    if (asked) return void this.#chosen(asked);
    const input = /** @type {HTMLInputElement} */ (this.renderRoot.querySelector(folder ? "#folder" : "#files"));
    input.value = "";
    input.click();
  }

  /** @param {Event} event */
  #input(event) {
    const { files } = /** @type {HTMLInputElement} */ (event.target);
    if (files?.length) void this.#chosen(fromInput(files, this.#counted));
  }

  render() {
    return html`
      ${this.small ? this.#line() : this.#mouth()}
      ${this.wrong ? html`<p class="notice bad more" role="alert">${explain(this.wrong)}</p>` : ""}
      <input id="files" type="file" multiple @change=${this.#input} aria-hidden="true" tabindex="-1" />
      <input id="folder" type="file" webkitdirectory @change=${this.#input} aria-hidden="true" tabindex="-1" />
    `;
  }

  /** What it says where a click sends. @param {string} otherwise */
  #words(otherwise) {
    return this.over ? t("drop-now") : this.busy ? (this.count > 1 ? t("looking-found", { n: this.count }) : t("looking")) : otherwise;
  }

  #mouth() {
    return html`<div class="burrow ${this.over ? "over" : ""}">
      <button class="mouth" @click=${() => this.pick(false)} aria-describedby="how">
        <span class="inside">
          ${icons.down}
          <span class="big">${this.#words(t("choose-files"))}</span>
          <span class="or mouse" id="how">${t("or-drop")}</span>
        </span>
      </button>
      <div class="ground"></div>
      <div class="row wrap more">${this.#others("")}</div>
    </div>`;
  }

  /** One row, where something else is on the page already. */
  #line() {
    return html`<div class="line ${this.over ? "over" : ""}">
      <button class="send" @click=${() => this.pick(false)}>${icons.plus}${this.#words(this.self ? t("send-self") : t("send-else"))}</button>
      ${this.#others("quiet")}
    </div>`;
  }

  /** @param {string} kind of button */
  #others(kind) {
    const write = () => this.dispatchEvent(new CustomEvent("write", { bubbles: true, composed: true }));
    return html`<button class=${kind} @click=${() => this.pick(true)}>${icons.folder}${t("folder")}</button>
      <button class=${kind} @click=${write}>${icons.text}${t("text")}</button>`;
  }

  focus() {
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("button"))?.focus();
  }
}
customElements.define("drop-burrow", DropBurrow);
