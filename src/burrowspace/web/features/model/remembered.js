/** The history of this browser, as the page shows it. */

import { history } from "../../store/history.js";
import { Observable } from "./observable.js";

export class Remembered extends Observable {
  /** The newest first. @type {import("../../store/history.js").Ended[]} */ rows = [];

  async begin() {
    this.rows = await history.list();
    this.changed();
  }

  /** @param {import("../../store/history.js").Ended} row */
  async add(row) {
    await history.add(row);
    await this.begin();
  }

  /** @param {string} id of a transfer that was sent @param {import("../../wire/session/take-back.js").Fate} fate */
  async settle(id, fate) {
    for (const row of this.rows) if (row.id === id && row.direction === "send") await history.add({ ...row, fate });
    await this.begin();
  }

  async clear() {
    await history.clear();
    await this.begin();
  }
}
