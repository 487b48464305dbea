/** The codes that this browser must not try again, in all its pages and over reloads. */

import { Spent } from "../wire/state/spent.js";
import { settings } from "./settings.js";

export const spent = new Spent({
  load: () => settings.get("spent-codes"),
  save: (marks) => settings.set("spent-codes", marks),
});
