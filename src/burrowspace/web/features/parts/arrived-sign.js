/** The end of a transfer: a file slips into the burrow, once, and only where motion is welcome. Else it is there. Where
 * files are missing, the badge says so. */

import { css, html, LitElement, svg } from "../../vendor/lit.js";
import { look } from "../look.js";

export class ArrivedSign extends LitElement {
  static properties = { fresh: { type: Boolean }, incomplete: { type: Boolean } };
  static styles = [
    look,
    css`
      :host {
        flex: none;
        width: 68px;
        height: 68px;
      }
      svg {
        width: 100%;
        height: 100%;
        display: block;
      }
      .rim {
        fill: var(--earth-rim);
      }
      .hole {
        fill: var(--earth-3);
      }
      .file {
        fill: #fffaf2;
        stroke: var(--earth-1);
        stroke-width: 1.4;
        opacity: 0;
      }
      .badge {
        fill: var(--direct);
      }
      .incomplete .badge {
        fill: var(--store);
      }
      .tick {
        fill: none;
        stroke: var(--card);
        stroke-width: 2.6;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
      @media (prefers-reduced-motion: no-preference) {
        .fresh .file {
          animation: slip 0.9s ease-in 0.1s both;
        }
        .fresh .done {
          animation: show 0.3s ease-out 0.9s both;
        }
      }
      @keyframes slip {
        from {
          opacity: 1;
          transform: translateY(-22px);
        }
        75% {
          opacity: 1;
        }
        to {
          opacity: 0;
          transform: translateY(14px);
        }
      }
      @keyframes show {
        from {
          opacity: 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.fresh = false;
    this.incomplete = false;
  }

  render() {
    const tick = this.incomplete ? svg`<path class="tick" d="M54 44v7m0 5v.1" />` : svg`<path class="tick" d="m48.500 50.500 3.800 3.800 7-7.500" />`;
    return html`<svg class="${this.fresh ? "fresh" : ""} ${this.incomplete ? "incomplete" : ""}" viewBox="0 0 68 68" aria-hidden="true">
      <path class="rim" d="M4 56a30 34 0 0 1 60 0z" />
      <path class="hole" d="M15 56a19 24 0 0 1 38 0z" />
      <path class="file" d="M28 26h9l4 4v14H28z" />
      <g class="done"><circle class="badge" cx="54" cy="50" r="11" />${tick}</g>
    </svg>`;
  }
}
customElements.define("arrived-sign", ArrivedSign);
