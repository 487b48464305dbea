/**
 * To the person's downloads: a single file as it is, several as one ZIP.
 *
 * @import { Manifest } from "../core/manifest.js"
 * @import { Received } from "../store/placing.js"
 */

import { safeName } from "../core/names.js";
import { placed } from "../store/placing.js";
import { saveBlob } from "../store/save.js";
import { zipBlob } from "../store/zip.js";

/** @param {Received[]} received @param {Manifest} manifest @returns {Promise<void>} */
export async function saveReceived(received, manifest) {
  const { folders } = placed(manifest);
  const [only] = received;
  if (received.length === 1 && only.path.length === 1 && !folders.length) saveBlob(await only.blob(), only.path[0]);
  else saveBlob(await zipBlob(received, folders), `${safeName(manifest.name)}.zip`);
}
