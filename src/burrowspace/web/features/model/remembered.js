/** The history of this browser, as the page shows it. */

import { History } from "../../store/history.js";
import { Observable } from "./observable.js";

export class Remembered extends Observable {
  /** The newest first. @type {import("../../store/history.js").Remembered[]} */ rows = [];
  #history = new History();

  async begin() {
    this.rows = await this.#history.list();
    this.changed();
  }

  /** @param {import("../../store/history.js").Remembered} row */
  async add(row) {
    await this.#history.add(row);
    await this.begin();
  }

  async clear() {
    await this.#history.clear();
    await this.begin();
  }
}
