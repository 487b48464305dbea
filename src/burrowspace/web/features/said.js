/**
 * What happened, in words: the reason that a session gave, or an error, as a code of the catalogues and its values. A
 * sentence of the other side, of the server or of a library is never shown.
 *
 * @import { Reason } from "../core/reasons.js"
 */

import { shown } from "../core/names.js";
import { ours } from "../wire/runtime.js";
import { size } from "./format.js";
import { knows, t } from "./words.js";

/** @typedef {{code: string, values?: Record<string, string | number>}} Said */

const SIZES = ["size", "limit", "room", "free"]; // values in bytes

/** @param {Reason | null} reason @returns {Said | null} */
export function saidOf(reason) {
  return reason ? { code: `said-${reason}` } : null;
}

/** By its reason, by what the server said, or by its code; the first that there are words for.
 * @param {unknown} error @returns {Said} */
export function saidOfError(error) {
  const { code, fields } = ours(error);
  const codes = [`said-${fields.reason}`, `server-${fields.said}`, `error-${code}`];
  return { code: codes.find(knows) ?? "error-error", values: valuesOf(fields) };
}

/** The words. @param {Said} said */
export function explain({ code, values }) {
  return t(code, values);
}

/** @param {Record<string, unknown>} fields @returns {Record<string, string | number>} */
export function valuesOf(fields) {
  /** @type {Record<string, string | number>} */ const values = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "number") values[name] = SIZES.includes(name) ? size(value) : value;
    else if (typeof value === "string") values[name] = shown(value, 100);
  }
  return values;
}
