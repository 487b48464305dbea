/**
 * What the page says, in the person's language. Parts and sessions have codes; the catalogues in `languages/*.js` have
 * the words for each, English like the others; every one has every code (scripts/words_web.py). English comes with the
 * page, so there are words at once, also where no other catalogue can be had.
 *
 * @import { Catalogue } from "./languages/en.js"
 */

import { loadLazily } from "../wire/lazy-import.js";
import english from "./languages/en.js";

/** As each is called by those who speak it. @type {Readonly<Record<string, string>>} */
export const LANGUAGES = Object.freeze({
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  pt: "Português",
  ar: "العربية",
  zh: "中文",
  ja: "日本語",
});

/** Those that write from right to left. */
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/** @type {Catalogue} */ let catalogue = english;
let language = "en";
let plural = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");
/** @type {Set<() => void>} */ const watchers = new Set();

/** Of the languages that there are, the one that this person would choose. @param {readonly string[]} wished @returns {string} */
export function fitting(wished) {
  for (const wish of wished) {
    const base = wish.toLowerCase().split("-", 1)[0];
    if (base in LANGUAGES) return base;
  }
  return "en";
}

/** Says everything in this language from now on. @param {string} wish @returns {Promise<void>} */
export async function speak(wish) {
  const chosen = wish in LANGUAGES ? wish : "en";
  catalogue = chosen === "en" ? english : (await loadLazily(() => import(`./languages/${chosen}.js`))).default;
  language = chosen;
  plural = new Intl.PluralRules(chosen);
  numbers = new Intl.NumberFormat(chosen);
  document.documentElement.lang = chosen;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(chosen) ? "rtl" : "ltr";
  for (const tell of watchers) tell();
}

/** The language that is spoken now, for Intl. */
export function spoken() {
  return language;
}

/** `tell` is called whenever the language has changed; gives what ends that. @param {() => void} tell @returns {() => void} */
export function onLanguage(tell) {
  watchers.add(tell);
  return () => watchers.delete(tell);
}

/** Whether there are words for it. @param {string} code */
export function knows(code) {
  return Object.hasOwn(catalogue, code);
}

/** The words for a code, with values in their {places}. @param {string} code @param {Record<string, string | number>} [values] @returns {string} */
export function t(code, values) {
  const found = catalogue[code] ?? code;
  const text = typeof found === "string" ? found : (found[plural.select(Number(values?.n ?? 0))] ?? found.other ?? code);
  return values ? text.replace(/\{(\w+)\}/g, (place, name) => shown(values[name] ?? place)) : text;
}

/** @param {string | number} value */
function shown(value) {
  return typeof value === "number" ? numbers.format(value) : value;
}
