/** Small values that the person chose or that this device made for itself: name, language, theme, device keys. */

import { database } from "./database.js";

export const settings = {
  /** undefined: never set. @param {string} name @returns {Promise<any>} */
  async get(name) {
    return (await database()).get("settings", name);
  },

  /** undefined: forget it. @param {string} name @param {unknown} value can be cloned */
  async set(name, value) {
    const base = await database();
    await (value === undefined ? base.remove("settings", name) : base.put("settings", name, value));
  },

  /** Whether they are there when the page is loaded again. */
  async lasting() {
    return (await database()).lasting;
  },
};
