/** The button that asks whether a transfer is to be taken back from the server. Fires `take-back`. */

import { html } from "../../vendor/lit.js";
import { icons } from "../icons.js";
import { t } from "../words.js";

/** @param {{id: string, title: string}} what */
export function takeBackButton({ id, title }) {
  const ask = (/** @type {Event} */ { target }) =>
    target?.dispatchEvent(new CustomEvent("take-back", { detail: { id, title }, bubbles: true, composed: true }));
  return html`<button class="quiet small" @click=${ask}>${icons.back}${t("take-back")}</button>`;
}
