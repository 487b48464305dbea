/**
 * Draws a part of the page again when its model, or the language, has changed.
 *
 * @import { LitElement } from "../vendor/lit.js"
 * @import { Observable } from "./model/observable.js"
 */

import { onLanguage } from "./words.js";

/** A reactive controller of Lit. */
export class Watching {
  /** @type {() => Observable | null | undefined} */ #model;
  /** @type {LitElement} */ #host;
  /** @type {Observable | null | undefined} */ #seen;
  /** @type {(() => void) | undefined} */ #ends;
  /** @type {(() => void) | undefined} */ #quiet;

  /** @param {LitElement} host @param {() => Observable | null | undefined} model what it draws now */
  constructor(host, model) {
    this.#host = host;
    this.#model = model;
    host.addController(this);
  }

  hostConnected() {
    this.#quiet = onLanguage(() => this.#host.requestUpdate());
    this.#look();
  }

  hostUpdated() {
    this.#look();
  }

  hostDisconnected() {
    this.#quiet?.();
    this.#ends?.();
    this.#seen = this.#ends = undefined;
  }

  #look() {
    const model = this.#model();
    if (model === this.#seen) return;
    this.#ends?.();
    this.#seen = model;
    this.#ends = model?.watch(() => this.#host.requestUpdate());
  }
}
