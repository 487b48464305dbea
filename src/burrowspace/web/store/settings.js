/** Small values that the person chose or that this device made for itself: name, language, theme, device keys. */

import { database } from "./database.js";

export const settings = {
  /** undefined: never set. @param {string} name @returns {Promise<any>} */
  async get(name) {
    return database.get("settings", name);
  },

  /** undefined: forget it. @param {string} name @param {unknown} value can be cloned */
  async set(name, value) {
    await database.change(name, { settings: value });
  },
};
