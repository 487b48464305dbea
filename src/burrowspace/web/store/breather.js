/** Long work on the page in short tasks: between them the page draws and hears its person. */

const TASK_MS = 40;

export class Breather {
  #since = performance.now();

  /** Waits a moment, where the task has taken long. */
  async pause() {
    if (performance.now() - this.#since < TASK_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#since = performance.now();
  }
}
