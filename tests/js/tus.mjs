// Uploads a file with tus-js-client: `node tus.mjs ENDPOINT FILE CHUNK_BYTES`; says `done RETRIES URL` or the error.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, path, chunk] = process.argv.slice(2);
let retries = 0;
const upload = new Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  chunkSize: Number(chunk),
  retryDelays: Array(50).fill(5),
  metadata: { filename: "from node €.bin" },
  onShouldRetry: () => { retries += 1; return true; },
  onError: (error) => { console.log("failed", error.message); process.exit(1); },
  onSuccess: () => console.log("done", retries, upload.url),
});
upload.start();
