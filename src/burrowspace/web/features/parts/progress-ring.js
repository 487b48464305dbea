/** How far something is, as a ring with the number inside. */

import { css, html, LitElement, svg } from "../../vendor/lit.js";
import { percent } from "../format.js";
import { look } from "../look.js";
import { t } from "../words.js";

const RADIUS = 26;
const ROUND = 2 * Math.PI * RADIUS;

export class ProgressRing extends LitElement {
  static properties = { fraction: { type: Number }, inside: {}, label: {} };
  static styles = [
    look,
    css`
      :host {
        width: 68px;
        height: 68px;
        flex: none;
        position: relative;
        color: var(--ring, var(--accent));
      }
      svg.ring {
        width: 100%;
        height: 100%;
        transform: rotate(-90deg);
        overflow: visible;
        display: block;
      }
      circle {
        fill: none;
        stroke-width: 6;
      }
      .track {
        stroke: var(--line);
      }
      .done {
        stroke: currentcolor;
        stroke-linecap: round;
      }
      .seeking .done {
        animation: turn 1.6s linear infinite;
        transform-origin: center;
      }
      .inside {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        font-weight: 700;
        font-size: 0.95rem;
        font-variant-numeric: tabular-nums;
        color: var(--ink);
      }
      .inside svg {
        width: 28px;
        height: 28px;
        color: var(--ring, var(--accent));
        stroke-width: 2.4;
      }
      @keyframes turn {
        to {
          transform: rotate(360deg);
        }
      }
    `,
  ];

  constructor() {
    super();
    /** Of 1; null while nothing is known. @type {number | null} */ this.fraction = null;
    /** What to show inside instead of the number. @type {unknown} */ this.inside = null;
    this.label = "";
  }

  render() {
    const part = this.fraction;
    const seeking = part === null;
    const shown = seeking ? 0.22 : (part ?? 0);
    const value = part === null ? {} : { now: Math.floor(part * 100) };
    return html`
      <div
        class=${seeking ? "seeking" : ""}
        role="progressbar"
        aria-label=${this.label || t("progress")}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${value.now ?? 0}
        aria-valuetext=${part === null ? t("waiting") : percent(part)}
      >
        <svg class="ring" viewBox="0 0 64 64" aria-hidden="true">
          ${svg`<circle class="track" cx="32" cy="32" r=${RADIUS} />
          ${shown > 0 ? svg`<circle class="done" cx="32" cy="32" r=${RADIUS} stroke-dasharray=${ROUND} stroke-dashoffset=${ROUND * (1 - shown)} />` : ""}`}
        </svg>
      </div>
      <div class="inside" aria-hidden="true">${this.inside ?? (part === null ? "" : percent(part))}</div>
    `;
  }
}
customElements.define("progress-ring", ProgressRing);
