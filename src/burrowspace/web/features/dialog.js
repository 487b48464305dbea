/** What all dialogs of the page have in common: a `<dialog>` that `show` opens above the page. */

import { css, LitElement } from "../vendor/lit.js";
import { look } from "./look.js";

export class Dialog extends LitElement {
  /** @type {import("../vendor/lit.js").CSSResultGroup} */
  static styles = [
    look,
    css`
      .body {
        display: grid;
        gap: 16px;
      }
      .end {
        justify-content: flex-end;
      }
    `,
  ];

  show() {
    this.requestUpdate(); // what it shows may have changed unseen: this device's name was not known when the page began
    this.dialog.showModal();
  }

  close() {
    this.dialog.close();
  }

  get dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }
}
