/**
 * The way that bytes take, as a sign and in words: straight between two devices, through the server, or resting there.
 *
 * @import { Path } from "../../core/paths.js"
 */

import { css, html, LitElement, svg } from "../../vendor/lit.js";
import { look } from "../look.js";
import { t } from "../words.js";

/** @type {Record<string, {words: string, colour: string, kind: "direct" | "relay" | "store"}>} */
const WAYS = {
  tcp: { words: "path-direct", colour: "var(--direct)", kind: "direct" },
  punch: { words: "path-direct", colour: "var(--direct)", kind: "direct" },
  webrtc: { words: "path-direct", colour: "var(--direct)", kind: "direct" },
  turn: { words: "path-turn", colour: "var(--relay)", kind: "relay" },
  relay: { words: "path-relay", colour: "var(--relay)", kind: "relay" },
  store: { words: "path-store", colour: "var(--store)", kind: "store" },
};

const DASH = 7; // units from one dash of the line to the next

/** The colour of a path, for whatever shows it. @param {Path | null} path */
export function colourOf(path) {
  return path ? WAYS[path].colour : "var(--accent)";
}

export class PathSign extends LitElement {
  static properties = { path: {}, done: { type: Number } };
  static styles = [
    look,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        font-size: 0.875rem;
        font-weight: 600;
      }
      svg {
        width: 46px;
        height: 16px;
        flex: none;
        overflow: visible;
      }
      .way {
        fill: none;
        stroke: currentcolor;
        stroke-width: 2;
        stroke-dasharray: 3 4;
        stroke-linecap: round;
      }
      .end {
        fill: currentcolor;
      }
      .off {
        fill: none;
        stroke: currentcolor;
        stroke-width: 1.6;
        stroke-dasharray: 2 2;
      }
      .box {
        fill: var(--card);
        stroke: currentcolor;
        stroke-width: 2;
        stroke-linejoin: round;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Path | null} */ this.path = null;
    /** Bytes that went this way: the line moves when they do. An endless animation would draw sixty times a second. */ this.done = 0;
  }

  #steps = 0;

  /** @override @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("done") && this.done) this.#steps = (this.#steps + 1) % DASH;
  }

  render() {
    if (!this.path) return html``;
    const { words, colour, kind } = WAYS[this.path];
    this.style.color = colour;
    return html`<svg viewBox="0 0 46 16" stroke-dashoffset=${-this.#steps} aria-hidden="true">${SIGNS[kind]}</svg><span>${t(words)}</span>`;
  }
}

const SIGNS = {
  direct: svg`<path class="way" d="M6 8h34" /><circle class="end" cx="4" cy="8" r="4" /><circle class="end" cx="42" cy="8" r="4" />`,
  relay: svg`<path class="way" d="M6 8h34" /><circle class="end" cx="4" cy="8" r="4" /><circle class="end" cx="42" cy="8" r="4" />
    <rect class="box" x="18" y="3" width="10" height="10" rx="2" />`,
  store: svg`<path class="way" d="M6 8h14" /><circle class="end" cx="4" cy="8" r="4" /><circle class="off" cx="42" cy="8" r="3.200" />
    <rect class="box" x="17" y="2" width="12" height="12" rx="2.500" /><path class="end" d="M20.500 7h5v4h-5z" />`,
};
customElements.define("path-sign", PathSign);
