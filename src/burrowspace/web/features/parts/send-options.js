/**
 * What few senders want, behind "More options": another code, several receivers, the server as a place to wait.
 *
 * @import { SendJob } from "../model/send-job.js"
 */

import { html, nothing } from "../../vendor/lit.js";
import { icons } from "../icons.js";
import { t } from "../words.js";

/** @param {SendJob} job */
export function sendOptions(job) {
  if (!job.active || job.to) return nothing;
  return html`<details class="options">
    <summary>${t("more-options")}</summary>
    <div class="choices">
      <label>
        <input
          type="checkbox"
          .checked=${job.receivers === null}
          @change=${(/** @type {Event} */ event) => job.openFor(/** @type {HTMLInputElement} */ (event.target).checked)}
        />
        ${t("allow-several")}
      </label>
      ${job.leaving ? nothing : html`<button class="quiet" @click=${() => job.leave()}>${icons.moon}${t("upload")}</button>`}
      ${job.code ? html`<button class="quiet" @click=${() => job.makeCode()}>${icons.back}${t("new-code")}</button>` : nothing}
    </div>
  </details>`;
}
