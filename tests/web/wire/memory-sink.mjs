/** A sink that keeps all of it in memory, and what was flushed over a "reload": each file as a Blob. */
export class MemorySink {
  #chunks = []; // of each file, by its number
  files = [];
  lost = null; // what `finish` was told of

  async open(manifest) {
    this.#chunks = manifest.files.map(() => []);
  }

  async write(file, _offset, content) {
    this.#chunks[file].push(content);
  }

  async flush() {}

  async finish(lost) {
    this.lost = lost;
    this.files = this.#chunks.map((chunks) => new Blob(chunks));
    this.#chunks = [];
    return [];
  }

  async abort() {
    this.#chunks = [];
  }
}
