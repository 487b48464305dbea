/**
 * The whole page: where one sends, where one receives, what goes on, who is there.
 *
 * @import { Picked } from "../../store/picked.js"
 */

import { css, html, LitElement, nothing, repeat } from "../../vendor/lit.js";
import { opened } from "../../store/opened.js";
import { fromHandles, fromPaste } from "../../store/picked.js";
import { takeShared } from "../../store/shared.js";
import { percent } from "../format.js";
import { icons } from "../icons.js";
import { loadLazily } from "../../wire/lazy-import.js";
import { look } from "../look.js";
import { newsOf, titled } from "../news.js";
import { explain, saidOfError } from "../said.js";
import { AppModel } from "../model/app-model.js";
import { Tastes } from "../model/tastes.js";
import { Watching } from "../watching.js";
import { t } from "../words.js";
import { BASE, HERE } from "../../wire/runtime.js";

/** @type {Record<string, () => Promise<unknown>>} */
const DIALOGS = {
  "doctor-dialog": () => import("./doctor-dialog.js"),
  "pair-dialog": () => import("./pair-dialog.js"),
  "settings-dialog": () => import("./settings-dialog.js"),
  "take-back-dialog": () => import("./take-back-dialog.js"),
  "text-dialog": () => import("./text-dialog.js"),
};

const WIDE = matchMedia("(min-width: 900px)");

export class BurrowApp extends LitElement {
  static properties = { waiting: { state: true }, ready: { state: true }, narrow: { state: true } };
  static styles = [
    look,
    css`
      .page {
        max-width: 1120px;
        margin: 0 auto;
        padding: 18px 20px 40px;
      }
      header {
        display: flex;
        flex-wrap: wrap; /* large text */
        align-items: center;
        gap: 10px;
        font-size: 1.15rem;
        min-height: 42px;
      }
      header img {
        width: 36px;
        height: 36px;
      }
      header .me {
        display: flex;
        align-items: center;
        gap: 8px;
        margin-inline-start: auto;
        font-size: 0.93rem;
        border-color: transparent;
        font-weight: 500;
        min-width: 0;
        padding-inline: 6px;
        max-width: max-content;
        flex: 1 1 7.5rem; /* goes below the name of the page where there is less */
      }
      .page > .notice {
        margin-top: 10px;
        justify-content: space-between;
      }
      .hero {
        text-align: center;
      }
      h1 {
        font-size: clamp(1.7rem, 1.2rem + 2.4vw, 2.6rem);
        line-height: 1.15;
        letter-spacing: -0.02em;
        margin-top: 6px;
      }
      .hero p {
        color: var(--soft);
        margin-top: 6px;
      }
      main {
        display: grid;
        gap: 20px;
        grid-template-columns: minmax(0, 1fr);
        align-items: start;
        margin-top: 12px;
      }
      .column {
        display: grid;
        gap: 16px;
        grid-template-columns: minmax(0, 1fr);
      }
      @media (min-width: 900px) {
        main {
          grid-template-columns: minmax(0, 1.55fr) minmax(0, 1fr);
          gap: 28px;
          margin-top: 14px;
        }
      }
      main.focused {
        grid-template-columns: minmax(0, 600px);
        justify-content: center;
      }
      header .home {
        font-size: inherit;
        padding-inline: 0 8px;
      }
      .jobs {
        display: grid;
        gap: 14px;
        grid-template-columns: minmax(0, 1fr);
      }
      .target {
        display: flex;
        gap: 12px;
        align-items: center;
        justify-content: center;
      }
      footer {
        margin-top: 34px;
        text-align: center;
        color: var(--soft);
        font-size: 0.875rem;
        display: grid;
        gap: 6px;
        justify-items: center;
      }
      footer .sealed {
        display: inline-flex;
        gap: 8px;
        align-items: center;
        text-align: start;
      }
      a {
        color: inherit;
      }
    `,
  ];

  /** Loads what transfers are shown with. @type {Promise<unknown> | undefined} */ #ofTransfers;

  constructor() {
    super();
    this.app = new AppModel();
    this.tastes = new Tastes();
    this.ready = false;
    /** One column. */ this.narrow = !WIDE.matches;
    WIDE.addEventListener("change", () => (this.narrow = !WIDE.matches));
    /** The device that the next chosen things are for. @type {import("../model/devices.js").Finding | null} */ this.waiting = null;
    /** The transfer whose files are chosen again. @type {import("../model/send-job.js").SendJob | null} */ this.again = null;
    new Watching(this, () => this.app);
    for (const early of [...this.childNodes]) early.remove();
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#begin();
    addEventListener("beforeunload", (event) => {
      if (this.app.precious) event.preventDefault();
    });
    addEventListener("paste", (event) => void this.#paste(event));
    addEventListener("hashchange", () => {
      opened.take();
      void this.app.openLinks();
    });
  }

  async #begin() {
    await this.tastes.begin();
    this.ready = true;
    await this.app.begin();
    await this.#given();
  }

  /** What another app shared with this one, or opened with it. */
  async #given() {
    const shared = new URLSearchParams(location.search).get("shared");
    if (shared) {
      history.replaceState(null, "", BASE);
      this.#send(await takeShared(shared));
    }
    const queue = /** @type {any} */ (globalThis).launchQueue;
    queue?.setConsumer(async (/** @type {{files?: FileSystemFileHandle[], targetURL?: string}} */ { files = [], targetURL }) => {
      if (files.length) this.#send(await fromHandles(files));
      else if (targetURL) {
        opened.add(targetURL);
        await this.app.openLinks();
      }
    });
  }

  /** @param {ClipboardEvent} event */
  async #paste(event) {
    const [into] = event.composedPath();
    if (into instanceof HTMLInputElement || into instanceof HTMLTextAreaElement || !event.clipboardData) return;
    event.preventDefault();
    const items = await fromPaste(event.clipboardData);
    const [first] = items;
    if (items.length === 1 && "text" in first) {
      if (/^https?:\/\/\S+\/r#\S+$/.test(first.text.trim())) await this.app.take(first.text.trim());
      else await this.#show("text-dialog", first.text);
    } else this.#send(items);
  }

  /** @param {Picked[]} items */
  #send(items) {
    if (!items.length) return;
    const { again, waiting } = this;
    this.again = this.waiting = null;
    if (again) {
      again.items = items;
      again.begin();
    } else void this.app.send(items, waiting).then(() => this.#goToCard());
    scrollTo({ top: 0, behavior: "smooth" });
  }

  /** The newest one: what can be done with it comes next. */
  async #goToCard() {
    await this.updateComplete;
    await this.#ofTransfers;
    /** @type {HTMLElement & {updateComplete: Promise<unknown>} | null} */ const card = this.renderRoot.querySelector("transfer-card");
    await card?.updateComplete;
    card?.focus();
  }

  /** @param {CustomEvent} event */
  #to(event) {
    const { device, items } = event.detail;
    if (items) {
      void this.app.send(items, device);
      return;
    }
    this.waiting = device;
    /** @type {import("./drop-burrow.js").DropBurrow} */ (this.renderRoot.querySelector("drop-burrow")).pick(false);
  }

  /** @param {CustomEvent} event */
  #chooseAgain(event) {
    this.again = event.detail;
    const several = event.detail.files > 1;
    /** @type {import("./drop-burrow.js").DropBurrow} */ (this.renderRoot.querySelector("drop-burrow")).pick(several);
  }

  /** @param {CustomEvent} event */
  async #takeBack(event) {
    (await this.#dialog("take-back-dialog"))?.ask(event.detail);
  }

  /** Most people open none of them: each is loaded when it is. null: it cannot be, and the page says why.
   * @param {string} name @returns {Promise<any>} */
  async #dialog(name) {
    try {
      await loadLazily(DIALOGS[name]);
    } catch (error) {
      this.app.trouble = saidOfError(error);
      this.app.changed();
      return null;
    }
    const dialog = /** @type {LitElement} */ (this.renderRoot.querySelector(name));
    await dialog.updateComplete;
    return dialog;
  }

  /** @param {string} name @param {string} [text] */
  async #show(name, text) {
    (await this.#dialog(name))?.show(text);
  }

  /** Nothing would be lost, and nobody is in the middle of something. */
  get idle() {
    const written = [...this.renderRoot.querySelectorAll("*")].some((part) => part.shadowRoot?.querySelector("dialog[open], input:focus, textarea:focus"));
    return !this.app.jobs.length && !this.waiting && !written;
  }

  /** @override */
  updated() {
    const { jobs, outdated } = this.app;
    if (outdated && this.idle && once("burrow-reloaded", import.meta.url)) location.reload();
    if (jobs.length) this.#ofTransfers ??= loadLazily(() => import("./of-transfers.js"));
    const asked = jobs.find((job) => job.state === "offered");
    const running = jobs.find((job) => job.state === "running" && job.part !== null);
    const said = asked && document.hidden ? `● ${asked.title} · ` : running ? `${percent(running.part ?? 0)} · ${running.title} · ` : "";
    if (document.title !== `${said}BurrowSpace`) document.title = `${said}BurrowSpace`;
  }

  /** The same: what has become of the newest transfer. */
  #news() {
    const [job] = this.app.jobs;
    return job ? newsOf(job) : "";
  }

  /** For whoever hears the page: what is offered, wherever the focus is. */
  #asked() {
    const job = this.app.jobs.find((each) => each.state === "offered");
    if (job?.direction !== "receive") return "";
    return `${job.sender ? t("offer-from", { name: job.sender }) : t("offer-someone")} ${titled(job)}`;
  }

  /** What a link offers, and a way to send something in return. */
  #focused() {
    return html`<main class="focused">
      <div class="column">${this.#jobs()} <drop-burrow small self></drop-burrow></div>
    </main>`;
  }

  /** @param {boolean} busy */
  #everything(busy) {
    const { app, narrow } = this;
    const devices = html`<device-list .devices=${app.devices} ?narrow=${narrow && app.devices.found.length > 0}></device-list>`;
    const first = narrow && app.devices.found.length > 0;
    return html`<main>
      <div class="column">
        ${busy
          ? this.#jobs()
          : html`<div class="hero">
              <h1>${t("headline")}</h1>
              <p>${t("tagline")}</p>
            </div>`}
        ${first ? devices : nothing}
        ${this.waiting
          ? html`<p class="notice target">
              ${t("goes-to", { name: this.waiting.name })}
              <button class="quiet small" @click=${() => (this.waiting = null)}>${t("to-someone-else")}</button>
            </p>`
          : nothing}
        <drop-burrow ?small=${busy}></drop-burrow>
      </div>
      <div class="column">
        <code-box .app=${app}></code-box>
        ${first ? nothing : devices}
        <history-list .app=${app}></history-list>
      </div>
    </main>`;
  }

  #jobs() {
    const { app } = this;
    return html`<h1 class="unseen">BurrowSpace</h1>
      <section class="jobs" aria-label=${t("transfers")}>
        ${repeat(
          app.jobs,
          (job) => job.id,
          (job) => html`<transfer-card .job=${job} .app=${app}></transfer-card>`,
        )}
      </section>`;
  }

  /** What the person wanted did not come: they can send something themselves. @param {CustomEvent} event */
  async #sendSomething(event) {
    await this.app.clear(event.detail);
    this.app.unfocus();
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("drop-burrow"))?.focus();
  }

  render() {
    if (!this.ready) return html``;
    const { app } = this;
    const busy = app.jobs.length > 0;
    return html`
      <div
        class="page"
        @pointerdown=${() => app.warm()}
        @dragenter=${() => app.warm()}
        @items=${(/** @type {CustomEvent} */ event) => this.#send(event.detail)}
        @write=${() => this.#show("text-dialog")}
        @pair=${() => this.#show("pair-dialog")}
        @to=${this.#to}
        @choose-again=${this.#chooseAgain}
        @take-back=${this.#takeBack}
        @send-something=${this.#sendSomething}
      >
        <header>
          <img src=${`${HERE}/web/icons/burrow.svg`} alt="" />
          ${app.focused ? html`<button class="quiet home" @click=${() => app.unfocus()}><b>BurrowSpace</b></button>` : html`<b>BurrowSpace</b>`}
          <button class="me" @click=${() => this.#show("settings-dialog")} aria-label=${t("settings-of", { name: app.devices.name })}>
            <device-picture .picture=${app.devices.picture} size="30"></device-picture>
            <span class="cut name">${app.devices.name}</span>${icons.gear}
          </button>
        </header>
        ${app.reachable === false && navigator.onLine
          ? html`<p class="notice bad" role="alert">${t("server-away")}</p>`
          : nothing}
        ${app.trouble ? html`<p class="notice bad" role="alert">${explain(app.trouble)}</p>` : nothing}
        ${app.outdated
          ? html`<p class="notice target" role="status">${t("new-version")} <button class="small" @click=${() => location.reload()}>${t("reload")}</button></p>`
          : nothing}
        ${app.fleeting
          ? html`<p class="notice" role="status">${t("fleeting")}</p>`
          : nothing}
        <p class="unseen" role="alert">${this.#asked()}</p>
        <p class="unseen" role="status">${this.#news()}</p>
        ${navigator.onLine || app.jobs.some((job) => job.active) ? nothing : html`<p class="notice target" role="status">${t("said-offline")}</p>`}
        ${app.focused ? this.#focused() : this.#everything(busy)}
        <footer>
          <span class="sealed">
            ${app.plain ? icons.open : icons.shield}
            ${app.plain
              ? t("footer-plain")
              : t("footer-encrypted")}
          </span>
          <button class="quiet small" @click=${() => this.#show("doctor-dialog")}>${icons.pulse}${t("check-connection")}</button>
        </footer>
        <text-dialog></text-dialog>
        <take-back-dialog .app=${app}></take-back-dialog>
        <pair-dialog .devices=${app.devices}></pair-dialog>
        <doctor-dialog .app=${app}></doctor-dialog>
        <settings-dialog .app=${app} .tastes=${this.tastes}></settings-dialog>
      </div>
    `;
  }
}
/** Whether this is the first time in this tab: a page that is old each time must not load itself for ever. @param {string} name @param {string} value */
function once(name, value) {
  try {
    if (sessionStorage.getItem(name) === value) return false;
    sessionStorage.setItem(name, value);
    return true;
  } catch {
    return false; // nothing can be kept here: the person is asked
  }
}
customElements.define("burrow-app", BurrowApp);
