/** Something that changes and says so. */
export class Observable {
  /** @type {Set<() => void>} */ #watchers = new Set();

  /** `tell` is called after each change; gives what ends that. @param {() => void} tell @returns {() => void} */
  watch(tell) {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  }

  changed() {
    for (const tell of this.#watchers) tell();
  }
}
