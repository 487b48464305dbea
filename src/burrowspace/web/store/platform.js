/**
 * The parts of the File System API that TypeScript's lib.dom does not know, as types alone.
 * https://fs.spec.whatwg.org, https://wicg.github.io/file-system-access/
 *
 * @typedef {object} Permissions
 * @property {(how: {mode: "read" | "readwrite"}) => Promise<PermissionState>} [queryPermission]
 * @property {(how: {mode: "read" | "readwrite"}) => Promise<PermissionState>} [requestPermission] needs a gesture
 *
 * @typedef {object} SyncAccess createSyncAccessHandle, in a dedicated worker alone
 * @property {(data: Uint8Array, how: {at: number}) => number} write bytes written
 * @property {(size: number) => void} truncate
 * @property {() => number} getSize
 * @property {() => void} flush
 * @property {() => void} close
 *
 * @typedef {object} Pickers on `window`, in secure contexts of Chromium
 * @property {(how: {mode?: "read" | "readwrite", id?: string, startIn?: string}) => Promise<FileSystemDirectoryHandle>} [showDirectoryPicker]
 * @property {(how: {suggestedName?: string, id?: string, startIn?: string}) => Promise<FileSystemFileHandle>} [showSaveFilePicker]
 * @property {(how: {multiple?: boolean}) => Promise<FileSystemFileHandle[]>} [showOpenFilePicker]
 *
 * @typedef {{getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>}} HandedItem of a DataTransferItem
 */

/** The window, with its pickers where there are. @returns {Pickers} */
export function pickers() {
  return /** @type {Pickers} */ (globalThis);
}

/** @param {FileSystemHandle} handle @param {"read" | "readwrite"} mode @param {boolean} ask with a gesture alone @returns {Promise<boolean>} */
export async function allowed(handle, mode, ask) {
  const { queryPermission, requestPermission } = /** @type {Permissions} */ (/** @type {unknown} */ (handle));
  if (!queryPermission || (await queryPermission.call(handle, { mode })) === "granted") return true;
  if (!ask || !requestPermission) return false;
  try {
    return (await requestPermission.call(handle, { mode })) === "granted";
  } catch (error) {
    if (error instanceof DOMException) return false; // no gesture
    throw error;
  }
}

/** The name of an error of the browser, "" of any other. @param {unknown} error */
export function named(error) {
  return error instanceof DOMException ? error.name : "";
}
