/** A device's picture: its animal on its colour. For the eye alone: the name stands beside it. */

import { css, html, LitElement } from "../../vendor/lit.js";
import { pictureOf } from "../../core/device-names.js";
import { look } from "../look.js";

export class DevicePicture extends LitElement {
  static properties = { picture: { type: Number }, size: { type: Number } };
  static styles = [
    look,
    css`
      :host {
        display: inline-block;
        flex: none;
      }
      span {
        display: grid;
        place-items: center;
        border-radius: 50%;
        width: var(--size);
        height: var(--size);
        font-size: calc(var(--size) * 0.55);
        line-height: 1;
        background: hsl(var(--hue) 55% 84%);
        border: 2px solid hsl(var(--hue) 45% 62%);
      }
    `,
  ];

  constructor() {
    super();
    this.picture = 0;
    this.size = 52;
  }

  render() {
    const { emoji, hue } = pictureOf(this.picture);
    this.style.setProperty("--hue", `${hue}`);
    this.style.setProperty("--size", `${this.size}px`);
    return html`<span aria-hidden="true">${emoji}</span>`;
  }
}
customElements.define("device-picture", DevicePicture);
