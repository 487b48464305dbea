/** A link as a QR code, made here: the secret in it is nobody else's business. */

import { css, html, LitElement, svg } from "../../vendor/lit.js";
import { encode } from "../../vendor/uqr.js";
import { look } from "../look.js";
import { t } from "../words.js";

export class QrCode extends LitElement {
  static properties = { text: {} };
  static styles = [
    look,
    css`
      :host {
        background: #fff;
        border-radius: 14px;
        padding: 10px;
        line-height: 0;
        border: 1px solid var(--line);
      }
      svg {
        width: 100%;
        height: auto;
        display: block;
      }
      path {
        fill: #1d2119;
      }
    `,
  ];

  constructor() {
    super();
    this.text = "";
  }

  render() {
    if (!this.text) return html``;
    const { size, data } = encode(this.text, { ecc: "M", border: 0 });
    let shape = "";
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        if (!data[y][x]) continue;
        let wide = 1;
        while (x + wide < size && data[y][x + wide]) wide += 1;
        shape += `M${x} ${y}h${wide}v1h-${wide}z`;
        x += wide;
      }
    }
    return html`<svg viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges" role="img" aria-label=${t("qr-code")}>
      ${svg`<path d=${shape} />`}
    </svg>`;
  }
}
customElements.define("qr-code", QrCode);
