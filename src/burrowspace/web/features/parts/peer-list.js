/**
 * Those who receive one transfer, where there are several: who, how far, by which way.
 *
 * @import { Peer } from "../model/job.js"
 */

import { css, html, LitElement, nothing, repeat } from "../../vendor/lit.js";
import { percent, speed } from "../format.js";
import { icons } from "../icons.js";
import { look } from "../look.js";
import { t } from "../words.js";

export class PeerList extends LitElement {
  static properties = { peers: { attribute: false } };
  static styles = [
    look,
    css`
      li {
        display: flex;
        gap: 12px;
        align-items: center;
        padding: 6px 0;
        border-top: 1px solid var(--line);
      }
      progress-ring {
        width: 44px;
        height: 44px;
      }
      progress-ring.good {
        --ring: var(--direct);
      }
      .numbers {
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Peer[]} */ this.peers = [];
  }

  render() {
    return html`<ul aria-label=${t("receivers")}>
      ${repeat(
        this.peers.filter((peer) => peer.id),
        (peer) => peer.id,
        (peer) => html`<li>
          <progress-ring
            class=${peer.verified ? "good" : ""}
            .fraction=${peer.verified ? 1 : peer.total && peer.done ? peer.done / peer.total : null}
            .inside=${peer.verified ? icons.check : null}
            label=${peer.name}
          ></progress-ring>
          <div class="grow">
            <p class="name">${peer.name || t("someone")}</p>
            <p class="soft small numbers">${said(peer)}</p>
          </div>
          ${peer.verified || peer.declined || !peer.done ? nothing : html`<path-sign .path=${peer.path} .done=${peer.done}></path-sign>`}
        </li>`,
      )}
    </ul>`;
  }
}
customElements.define("peer-list", PeerList);

/** @param {Peer} peer */
function said(peer) {
  if (peer.declined) return t("peer-declined");
  if (peer.verified) return t("peer-done");
  if (peer.total && peer.done) return t("two-parts", { first: percent(peer.done / peer.total), second: speed(peer.rate) });
  return t("peer-there");
}
