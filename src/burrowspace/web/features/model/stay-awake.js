/** Keeps the screen, and so a phone, awake while something runs. Where a browser has no wake lock it does nothing. */
export class StayAwake {
  /** @type {WakeLockSentinel | null} */ #lock = null;
  #wanted = false;
  #asking = false;

  constructor() {
    // A browser lets go of it whenever the page is hidden.
    document.addEventListener("visibilitychange", () => void this.#see());
  }

  /** Whether something runs. @param {boolean} wanted */
  set wanted(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    void this.#see();
  }

  async #see() {
    if (!("wakeLock" in navigator) || this.#asking) return;
    if (!this.#wanted) {
      await this.#lock?.release();
      this.#lock = null;
      return;
    }
    if (document.visibilityState !== "visible" || (this.#lock && !this.#lock.released)) return;
    this.#asking = true;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch {
      this.#lock = null; // a battery that is low: the transfer goes on all the same
    } finally {
      this.#asking = false;
    }
    if (!this.#wanted) await this.#see();
  }
}
