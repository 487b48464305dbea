/**
 * What the page says, in the person's language. The English text is the key: a sentence that no catalogue knows is shown
 * as it is. Catalogues are `languages/*.js`, loaded when they are needed.
 */

import { loadLazily } from "../wire/lazy-import.js";

/** Text with {places}, or one for each plural category of the language (CLDR), chosen by `n`.
 * @typedef {Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>} Catalogue */

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

/** @type {Catalogue} */
const ENGLISH = {
  "{n} files": { one: "{n} file", other: "{n} files" },
};

/** Those that write from right to left. */
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/** @type {Catalogue} */ let catalogue = ENGLISH;
let language = "en";
let plural = new Intl.PluralRules("en");
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
  catalogue = chosen === "en" ? ENGLISH : (await loadLazily(() => import(`./languages/${chosen}.js`))).default;
  language = chosen;
  plural = new Intl.PluralRules(chosen);
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

/** The sentence, with values in its {places}. @param {string} sentence @param {Record<string, string | number>} [values] @returns {string} */
export function t(sentence, values) {
  const found = catalogue[sentence] ?? ENGLISH[sentence] ?? sentence;
  const text = typeof found === "string" ? found : (found[plural.select(Number(values?.n ?? 0))] ?? found.other ?? sentence);
  return values ? text.replace(/\{(\w+)\}/g, (place, name) => shown(values[name] ?? place)) : text;
}

/** A sentence that a session or the other side said, of one part or of two with a colon between. @param {string} sentence */
export function say(sentence) {
  const colon = sentence.indexOf(": ");
  if (colon < 0 || sentence in catalogue) return t(sentence);
  return t("{first}: {second}", { first: t(sentence.slice(0, colon)), second: t(sentence.slice(colon + 2)) });
}

/** @param {string | number} value */
function shown(value) {
  return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
}
