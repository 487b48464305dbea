/** The signs of the page, drawn with the text's colour. Each is for the eye alone: a word or a label stands beside it. */

import { svg, html } from "../vendor/lit.js";

/** @param {import("../vendor/lit.js").SVGTemplateResult} shape */
const icon = (shape) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${shape}</svg>`;

export const icons = {
  file: icon(svg`<path d="M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5" />`),
  folder: icon(svg`<path d="M3 7a2 2 0 0 1 2-2h4l2 2.5h8a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z" />`),
  text: icon(svg`<path d="M5 6h14M5 11h14M5 16h8" />`),
  down: icon(svg`<path d="M12 4v12m-5-5 5 5 5-5M5 20h14" />`),
  up: icon(svg`<path d="M12 20V8m-5 5 5-5 5 5M5 4h14" />`),
  copy: icon(svg`<rect x="9" y="9" width="11" height="11" rx="2" /><path d="M5 15V6a2 2 0 0 1 2-2h8" />`),
  share: icon(svg`<path d="M12 15V4m-4 4 4-4 4 4M6 12v6a2 2 0 0 0 2 2h8a2 2 0 0 0 2-2v-6" />`),
  pause: icon(svg`<path d="M9 6v12M15 6v12" />`),
  play: icon(svg`<path d="M8 5.5v13l10-6.5z" />`),
  plus: icon(svg`<path d="M12 5v14M5 12h14" />`),
  close: icon(svg`<path d="m6 6 12 12M18 6 6 18" />`),
  check: icon(svg`<path d="m5 12.5 4.5 4.5L19 7.5" />`),
  warning: icon(svg`<path d="M12 4 3 20h18zM12 10v4.500m0 2.500v.1" />`),
  moon: icon(svg`<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.500 10.500z" />`),
  shield: icon(svg`<path d="M12 3 5 6v5c0 5 3 8 7 10 4-2 7-5 7-10V6z" /><path d="m9 11.500 2.200 2.200L15 10" />`),
  open: icon(svg`<path d="M12 3 5 6v5c0 5 3 8 7 10 4-2 7-5 7-10V6z" /><path d="M12 8v4m0 3v.1" />`),
  gear: icon(svg`<path d="M4 7h9m4 0h3M4 17h3m4 0h9" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="17" r="2" />`),
  link: icon(svg`<path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7m2 3a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17" />`),
  people: icon(svg`<circle cx="9" cy="8" r="3.200" /><path d="M3 20c0-3.500 2.500-6 6-6s6 2.500 6 6M16 5.200a3.200 3.200 0 0 1 0 5.800M18 14.500c2 .9 3 2.900 3 5.500" />`),
  history: icon(svg`<path d="M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4.500l3 2" />`),
  pulse: icon(svg`<path d="M3 12h4l2.500-6 5 12L17 12h4" />`),
  back: icon(svg`<path d="M9 6 4 11l5 5M4 11h10a5.500 5.500 0 0 1 0 11h-2" />`),
  trash: icon(svg`<path d="M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13" />`),
};
