/** What all parts of the page look like: buttons, fields, cards. Colours are app.css's. */

import { css } from "../vendor/lit.js";

export const look = css`
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h2 {
    font-size: 1.02rem;
    font-weight: 650;
    letter-spacing: -0.005em;
  }
  .card {
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: var(--round);
    box-shadow: var(--shadow);
    padding: 18px;
  }
  .soft {
    color: var(--soft);
  }
  .small {
    font-size: 0.875rem;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 10px;
  }
  .wrap {
    flex-wrap: wrap;
  }
  .grow {
    flex: 1 1 auto;
    min-width: 0;
  }
  /* A field with its button, which goes below where the field would be too narrow for what is typed there. */
  form.ask {
    display: flex;
    flex-wrap: wrap;
    gap: 10px;
  }
  form.ask label {
    flex: 1000 1 12.5rem;
    min-width: 0;
  }
  form.ask button {
    flex: 1 0 auto;
  }
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .name {
    overflow-wrap: anywhere;
    unicode-bidi: isolate;
  }
  button,
  .button {
    font: inherit;
    font-weight: 600;
    color: var(--ink);
    background: transparent;
    border: 1px solid var(--line-strong);
    border-radius: 999px;
    padding: 8px 16px;
    min-height: 42px;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    cursor: pointer;
    text-decoration: none;
    transition: background 0.15s;
  }
  button:hover {
    background: var(--accent-wash);
  }
  button.main {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--accent-ink);
  }
  button.main:hover {
    background: var(--accent-strong);
  }
  button.quiet {
    border-color: transparent;
    padding-inline: 10px;
  }
  button.round {
    width: 42px;
    padding: 0;
    border-color: transparent;
    flex: none;
  }
  button.danger {
    color: var(--danger);
  }
  button:disabled,
  button[aria-disabled="true"] {
    opacity: 0.55;
    cursor: default;
  }
  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
  }
  input[type="text"],
  textarea,
  select {
    font: inherit;
    color: var(--ink);
    background: var(--bg);
    border: 1px solid var(--line-strong);
    border-radius: 12px;
    padding: 9px 12px;
    min-height: 44px;
    width: 100%;
  }
  textarea {
    resize: vertical;
    min-height: 8.5em;
    line-height: 1.45;
  }
  svg.icon {
    width: 20px;
    height: 20px;
    flex: none;
    fill: none;
    stroke: currentcolor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  summary {
    cursor: pointer;
    font-weight: 600;
    font-size: 0.9rem;
    min-height: 42px;
    display: inline-flex;
    align-items: center;
    gap: 6px;
    list-style: none;
  }
  summary::-webkit-details-marker {
    display: none;
  }
  summary::after {
    content: "";
    width: 7px;
    height: 7px;
    border: solid currentcolor;
    border-width: 0 2px 2px 0;
    transform: translateY(-2px) rotate(45deg);
    margin-inline-start: 3px;
  }
  details[open] > summary::after {
    transform: translateY(2px) rotate(225deg);
  }
  .choices {
    display: grid;
    gap: 2px;
    justify-items: start;
    padding-bottom: 4px;
  }
  .choices button.quiet {
    padding-inline: 6px;
    text-align: start;
  }
  .choices label {
    display: inline-flex;
    align-items: center;
    gap: 10px;
    min-height: 42px;
    padding-inline: 6px;
    cursor: pointer;
  }
  input[type="checkbox"] {
    width: 18px;
    height: 18px;
    flex: none;
    accent-color: var(--accent);
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .notice {
    border-radius: 12px;
    padding: 10px 14px;
    background: var(--accent-wash);
  }
  /* What a session says begins small, for it may stand behind a colon. */
  .notice::first-letter,
  .said::first-letter {
    text-transform: uppercase;
  }
  .notice.bad {
    background: var(--danger-wash);
  }
  dialog {
    font: inherit;
    color: var(--ink);
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: 22px;
    box-shadow: 0 20px 60px rgb(0 0 0 / 35%);
    padding: 22px;
    width: min(520px, calc(100vw - 28px));
    max-height: calc(100dvh - 40px);
    overflow: auto;
  }
  dialog::backdrop {
    background: rgb(15 12 6 / 50%);
  }
  /* The system's own colours leave nothing of a background, so nothing would tell the main button from others. */
  @media (forced-colors: active) {
    button.main,
    button.main:hover {
      background: Highlight;
      border-color: Highlight;
      color: HighlightText;
      forced-color-adjust: none;
    }
    button.main:disabled {
      background: GrayText;
      border-color: GrayText;
    }
    .card,
    dialog {
      border-color: CanvasText;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
