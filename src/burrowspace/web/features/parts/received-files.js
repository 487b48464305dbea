/**
 * What has arrived and lies in this browser: a look at pictures, and saving it once more or into a folder.
 *
 * @import { ReceiveJob } from "../model/receive-job.js"
 */

import { shown } from "../../core/names.js";
import { css, html, LitElement, nothing } from "../../vendor/lit.js";
import { saveIntoFolder } from "../../store/save.js";
import { placed } from "../../store/placing.js";
import { pickers } from "../../store/platform.js";
import { saveReceived } from "../saving.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { explain, saidOfError } from "../said.js";
import { t } from "../words.js";

// Only what an <img> draws without running anything. Never SVG: opened in a tab of ours it could.
const PICTURE = /\.(?:png|jpe?g|gif|webp|avif|bmp)$/i;
const TYPES = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", avif: "image/avif", bmp: "image/bmp" };
const PICTURES = 12;
const PICTURE_BYTES = 40e6;

export class ReceivedFiles extends LitElement {
  static properties = { job: { attribute: false }, pictures: { state: true }, trouble: { state: true }, busy: { state: true } };
  static styles = [
    look,
    css`
      .pictures {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(96px, 1fr));
        gap: 8px;
        margin: 4px 0 12px;
      }
      img {
        width: 100%;
        aspect-ratio: 1;
        object-fit: cover;
        border-radius: 12px;
        border: 1px solid var(--line);
        background: var(--bg);
        display: block;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {ReceiveJob | null} */ this.job = null;
    /** @type {{url: string, name: string}[]} */ this.pictures = [];
    /** @type {import("../said.js").Said | null} */ this.trouble = null;
    this.busy = false;
  }

  /** @override @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("job")) void this.#show();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const { url } of this.pictures) URL.revokeObjectURL(url);
  }

  async #show() {
    const found = [];
    for (const each of this.job?.received ?? []) {
      const name = each.path[each.path.length - 1];
      const ending = /** @type {keyof typeof TYPES} */ (PICTURE.exec(name)?.[0].slice(1).toLowerCase());
      if (!ending || each.size > PICTURE_BYTES || found.length >= PICTURES) continue;
      const blob = await each.blob();
      found.push({ url: URL.createObjectURL(blob.slice(0, blob.size, TYPES[ending])), name: shown(name) });
    }
    this.pictures = found;
  }

  /** It is no picture, whatever its name says. @param {string} url */
  #drop(url) {
    URL.revokeObjectURL(url);
    this.pictures = this.pictures.filter((each) => each.url !== url);
  }

  /** @param {() => Promise<void>} save */
  async #save(save) {
    this.trouble = null;
    this.busy = true;
    try {
      await save();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") this.trouble = saidOfError(error);
    } finally {
      this.busy = false;
    }
  }

  async #intoFolder() {
    const handle = await pickers().showDirectoryPicker?.({ mode: "readwrite" });
    if (handle && this.job?.manifest) await saveIntoFolder(this.job.received, handle, placed(this.job.manifest).folders);
  }

  render() {
    const { job } = this;
    if (!job?.manifest) return html``;
    const { manifest, received } = job;
    return html`
      ${this.pictures.length
        ? html`<div class="pictures">${this.pictures.map(({ url, name }) => html`<img src=${url} alt=${name} loading="lazy" @error=${() => this.#drop(url)} />`)}</div>`
        : nothing}
      ${this.trouble ? html`<p class="notice bad" role="alert">${explain(this.trouble)}</p>` : nothing}
      <div class="row wrap">
        <button class="quiet" ?disabled=${this.busy} @click=${() => this.#save(() => saveReceived(received, manifest))}>${icons.down}${t("save-again")}</button>
        ${pickers().showDirectoryPicker
          ? html`<button class="quiet" ?disabled=${this.busy} @click=${() => this.#save(() => this.#intoFolder())}>${icons.folder}${t("save-to-folder")}</button>`
          : nothing}
      </div>
    `;
  }
}
customElements.define("received-files", ReceivedFiles);
