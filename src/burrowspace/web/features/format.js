/**
 * Sizes, speeds and times as a person reads them, in the language that is spoken. Decimal units, as disks and networks
 * are sold.
 */

import { spoken, t } from "./words.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];

/** Made once for each way to write: one costs as much as a few hundred numbers. @type {Map<string, Intl.NumberFormat>} */
const WRITERS = new Map();

/** @param {number} value @param {Intl.NumberFormatOptions} style */
function written(value, style) {
  const key = `${spoken()} ${style.style} ${style.unit} ${style.unitDisplay} ${style.maximumFractionDigits}`;
  let writer = WRITERS.get(key);
  if (!writer) WRITERS.set(key, (writer = new Intl.NumberFormat(spoken(), style)));
  return writer.format(value);
}

/** 1.2 GB. @param {number} bytes @returns {string} */
export function size(bytes) {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return written(value, { style: "unit", unit: UNITS[unit], unitDisplay: unit ? "short" : "long", maximumFractionDigits: digits });
}

/** 34 MB/s. @param {number} rate bytes per second @returns {string} */
export function speed(rate) {
  return t("per-second", { size: size(rate) });
}

/** Time left, roughly: nobody needs more. @param {number} seconds @returns {string} */
export function left(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return t("left-soon");
  if (seconds < 100) return t("left-about", { time: unit(Math.ceil(seconds / 5) * 5, "second") });
  if (seconds < 5400) return t("left-about", { time: unit(Math.round(seconds / 60), "minute") });
  return t("left-about", { time: unit(Math.round(seconds / 360) / 10, "hour") });
}

/** How long it took. @param {number} seconds @returns {string} */
export function took(seconds) {
  if (seconds < 100) return unit(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return unit(Math.round(seconds / 60), "minute");
  return unit(Math.round(seconds / 360) / 10, "hour");
}

/** A moment: the time today, else the day and the time. @param {number} ms since 1970 @returns {string} */
export function moment(ms) {
  const then = new Date(ms);
  const today = then.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(spoken(), /** @type {Intl.DateTimeFormatOptions} */ (style)).format(then);
}

/** 42 %. @param {number} part of 1 @returns {string} */
export function percent(part) {
  return written(Math.floor(part * 100) / 100, { style: "percent", maximumFractionDigits: 0 });
}

/** @param {number} value @param {"second" | "minute" | "hour"} name */
function unit(value, name) {
  return written(value, { style: "unit", unit: name, unitDisplay: "long" });
}
