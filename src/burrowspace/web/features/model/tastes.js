/** How a person likes the page: the language and the colours. Kept in this browser. */

import { settings } from "../../store/settings.js";
import { fitting, speak } from "../words.js";
import { Observable } from "./observable.js";

const THEMES = ["auto", "light", "dark"];

export class Tastes extends Observable {
  theme = "auto";

  async begin() {
    const [language, theme] = await Promise.all([settings.get("language"), settings.get("theme")]);
    this.#dress(String(theme ?? "auto"));
    try {
      await speak(typeof language === "string" ? language : fitting(navigator.languages));
    } catch (error) {
      console.warn("the page stays in English:", error); // no network: the words of English are here
    }
    this.changed();
  }

  /** @param {string} language */
  async speak(language) {
    await speak(language);
    await settings.set("language", language);
    this.changed();
  }

  /** @param {string} theme */
  async dress(theme) {
    this.#dress(theme);
    await settings.set("theme", this.theme);
    this.changed();
  }

  /** @param {string} theme */
  #dress(theme) {
    this.theme = THEMES.includes(theme) ? theme : "auto";
    if (this.theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}
