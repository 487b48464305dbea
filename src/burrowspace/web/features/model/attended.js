/**
 * Does something in one page of this browser at a time: the one that was looked at last.
 *
 * @param {string} name of the Web Lock
 * @param {AbortSignal} ends
 * @param {(here: AbortSignal) => Promise<void>} work until `here` is aborted: another page was looked at
 */
export function attended(name, ends, work) {
  const { locks } = navigator;
  if (!locks) {
    void work(ends); // by plain HTTP there are none: every page hears it
    return;
  }
  let working = false;
  const begin = async () => {
    if (working || document.hidden || ends.aborted) return;
    working = true;
    const over = new AbortController();
    const here = AbortSignal.any([ends, over.signal]);
    try {
      await locks.request(name, { steal: true }, () => work(here));
    } catch (error) {
      // Stolen by the page that is looked at now; or there are none for a page that may store nothing.
      if (/** @type {Error} */ (error).name !== "AbortError") await work(here);
    } finally {
      over.abort();
      working = false;
    }
  };
  document.addEventListener("visibilitychange", () => void begin());
  addEventListener("focus", () => void begin());
  void begin();
}
