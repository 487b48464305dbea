/** The speed of the last half minute, as a small curve. For the eye alone: the number stands beside it. */

import { css, html, LitElement, svg } from "../../vendor/lit.js";
import { look } from "../look.js";

const WIDTH = 120;
const HEIGHT = 30;

export class SpeedCurve extends LitElement {
  static properties = { speeds: { attribute: false } };
  static styles = [
    look,
    css`
      :host {
        width: 120px;
        height: 30px;
        flex: 0 1 120px;
        min-width: 60px;
      }
      svg {
        width: 100%;
        height: 100%;
        display: block;
        overflow: visible;
      }
      .line {
        fill: none;
        stroke: var(--ring, var(--accent));
        stroke-width: 1.8;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
      }
      .under {
        fill: var(--ring, var(--accent));
        opacity: 0.14;
      }
    `,
  ];

  constructor() {
    super();
    /** Bytes per second, the oldest first. @type {readonly number[]} */ this.speeds = [];
  }

  render() {
    const { speeds } = this;
    if (speeds.length < 3) return html``;
    const top = Math.max(...speeds, 1);
    const step = WIDTH / (speeds.length - 1);
    const points = speeds.map((speed, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (speed / top) * (HEIGHT - 4)).toFixed(1)}`);
    return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
      ${svg`<polygon class="under" points="0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}" />
      <polyline class="line" points=${points.join(" ")} />`}
    </svg>`;
  }
}
customElements.define("speed-curve", SpeedCurve);
