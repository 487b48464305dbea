/**
 * A ZIP of what arrived: stored, not compressed, names in UTF-8, ZIP64 where a number does not fit (APPNOTE 6.3.10).
 * As one lazy Blob that is made of the files' own Blobs, or piece by piece while they arrive.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Received } from "./placing.js"
 */

import { utf8 } from "../core/bytes.js";
import { Breather } from "./breather.js";
import { crc32, crcOf } from "./crc32.js";
import { SmallFiles } from "./small-files.js";

const FULL32 = 0xffffffff; // stands for: see the ZIP64 field
const FULL16 = 0xffff;
const UTF8 = 0x0800; // flags, APPNOTE 4.4.4
const DESCRIPTOR = 0x0008;
const MADE_BY = 0x032d; // Unix, version 4.5
const FILE_MODE = 0o100644;
const FOLDER_MODE = 0o040755;
const ROW_BYTES = 46; // of the directory, without name, extra fields and comment (APPNOTE 4.3.12)
const PARTS_MOST = 500; // of a Blob
const CHUNK_BYTES = 2 ** 20; // of the central directory

/** Little-endian. */
class Writer {
  /** @type {number[]} */ #bytes = [];

  /** @param {number} value */
  u16(value) {
    this.#bytes.push(value & 255, (value >>> 8) & 255);
    return this;
  }

  /** @param {number} value */
  u32(value) {
    return this.u16(value & FULL16).u16((value >>> 16) & FULL16);
  }

  /** @param {number} value below 2^53 */
  u64(value) {
    return this.u32(value % 0x100000000).u32(Math.floor(value / 0x100000000));
  }

  /** @param {Uint8Array} more */
  bytes(more) {
    for (const byte of more) this.#bytes.push(byte);
    return this;
  }

  /** @returns {Bytes} */
  get all() {
    return Uint8Array.from(this.#bytes);
  }
}

/** An entry whose head is written. @typedef {{name: Bytes, flags: number, modified: number, at: number, mode: number, wide: boolean}} Head */

/** The parts of a ZIP in their order: for each entry its head, then the content (whose bytes the caller has), then
 * perhaps a descriptor; at last the directory. */
export class ZipParts {
  /** Bytes so far, contents counted. */ size = 0;
  /** @type {Bytes[]} */ #directory = [];
  #chunk = new Uint8Array(CHUNK_BYTES);
  #used = 0;
  #directoryBytes = 0;
  #entries = 0;
  /** Its content comes now. @type {Head | null} */ #open = null;

  /** The head of a file whose sum is known; its `size` bytes follow. @param {readonly string[]} path @param {number} size
   * @param {number} modified ms since 1970 @param {number} crc */
  file(path, size, modified, crc) {
    const head = this.#head(path.join("/"), UTF8, modified, FILE_MODE, size >= FULL32);
    const bytes = local(head, crc, size);
    this.size += bytes.length + size;
    this.#list(head, crc, size);
    return bytes;
  }

  /** An empty folder, or any. @param {readonly string[]} path @param {number} [modified] */
  folder(path, modified = 0) {
    const head = this.#head(`${path.join("/")}/`, UTF8, modified, FOLDER_MODE, false);
    const bytes = local(head, 0, 0);
    this.size += bytes.length;
    this.#list(head, 0, 0);
    return bytes;
  }

  /** The head of a file whose sum is not known yet: content, then `ended`. @param {readonly string[]} path
   * @param {number | null} size null: not known @param {number} modified */
  begin(path, size, modified) {
    this.#open = this.#head(path.join("/"), UTF8 | DESCRIPTOR, modified, FILE_MODE, size === null || size >= FULL32);
    const bytes = local(this.#open, 0, 0);
    this.size += bytes.length;
    return bytes;
  }

  /** Its descriptor. @param {number} crc @param {number} size of what was written */
  ended(crc, size) {
    if (!this.#open) throw new TypeError("no file was begun");
    const writer = new Writer().u32(0x08074b50).u32(crc);
    const bytes = this.#open.wide ? writer.u64(size).u64(size).all : writer.u32(size).u32(size).all;
    this.size += size + bytes.length;
    this.#list(this.#open, crc, size);
    this.#open = null;
    return bytes;
  }

  /** The directory; nothing comes behind it. Entries that it does not list, by their number, are not there for whoever
   * opens the ZIP; zeros take the room of their rows, so its length does not depend on them.
   * @param {ReadonlySet<number>} [without] @returns {Bytes[]} */
  end(without = new Set()) {
    const wide = this.#entries >= FULL16 || this.size + this.#directoryBytes >= FULL32;
    const rows = [...this.#directory, this.#chunk.slice(0, this.#used)];
    const parts = without.size ? but(rows, without) : rows;
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const gap = new Uint8Array(this.#directoryBytes - size);
    const at = this.size + gap.length;
    const entries = this.#entries - without.size;
    const writer = new Writer();
    if (wide) {
      writer.u32(0x06064b50).u64(44).u16(MADE_BY).u16(45).u32(0).u32(0);
      writer.u64(entries).u64(entries).u64(size).u64(at);
      writer.u32(0x07064b50).u32(0).u64(at + size).u32(1);
    }
    const counted = wide ? FULL16 : entries;
    writer.u32(0x06054b50).u16(0).u16(0).u16(counted).u16(counted);
    writer.u32(wide ? FULL32 : size).u32(wide ? FULL32 : at).u16(0);
    return gap.length ? [gap, ...parts, writer.all] : [...parts, writer.all];
  }

  /** @param {string} name @param {number} flags @param {number} modified @param {number} mode @param {boolean} wide @returns {Head} */
  #head(name, flags, modified, mode, wide) {
    return { name: utf8(name), flags, modified, at: this.size, mode, wide };
  }

  /** @param {Head} head @param {number} crc @param {number} size */
  #list({ name, flags, modified, at, mode, wide }, crc, size) {
    const big = size >= FULL32;
    const far = at >= FULL32;
    const extra = new Writer();
    if (big || far) {
      extra.u16(1).u16((big ? 16 : 0) + (far ? 8 : 0));
      if (big) extra.u64(size).u64(size);
      if (far) extra.u64(at);
    }
    const extras = extra.bytes(stamp(modified)).all;
    const writer = new Writer().u32(0x02014b50).u16(MADE_BY).u16(needed(wide || far)).u16(flags).u16(0);
    writer.u32(dosTime(modified)).u32(crc).u32(big ? FULL32 : size).u32(big ? FULL32 : size);
    writer.u16(name.length).u16(extras.length).u16(0).u16(0).u16(0);
    writer.u32(((mode << 16) | (mode === FOLDER_MODE ? 0x10 : 0)) >>> 0).u32(far ? FULL32 : at);
    this.#add(writer.bytes(name).bytes(extras).all);
    this.#entries += 1;
  }

  /** @param {Bytes} record */
  #add(record) {
    if (this.#used + record.length > this.#chunk.length) {
      this.#directory.push(this.#chunk.slice(0, this.#used));
      this.#used = 0;
    }
    this.#chunk.set(record, this.#used);
    this.#used += record.length;
    this.#directoryBytes += record.length;
  }
}

/** Rows of a directory without some, by their number. A part has whole rows. @param {Bytes[]} parts
 * @param {ReadonlySet<number>} without @returns {Bytes[]} */
function but(parts, without) {
  let number = 0;
  return parts.map((part) => {
    const view = new DataView(part.buffer, part.byteOffset, part.length);
    const left = new Uint8Array(part.length);
    let used = 0;
    for (let at = 0, end = 0; at < part.length; at = end, number++) {
      end = at + ROW_BYTES + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
      if (without.has(number)) continue;
      left.set(part.subarray(at, end), used);
      used += end - at;
    }
    return left.slice(0, used);
  });
}

/** All of it as one Blob: no content is read, but of small files and of those
 * whose sum is not known. @param {Received[]} received
 * @param {string[][]} [folders] @returns {Promise<Blob>} */
export async function zipBlob(received, folders = []) {
  const zip = new ZipParts();
  /** @type {BlobPart[]} */ const whole = [];
  /** @type {BlobPart[]} */ let parts = folders.map((path) => zip.folder(path));
  const breather = new Breather();
  const small = new SmallFiles();
  for (const each of received) {
    const { path, size, modified, crc } = each;
    const bytes = await small.read(each);
    const content = bytes ?? (await each.blob());
    await breather.pause();
    const sum = crc ?? (bytes ? crc32(0, bytes) : await crcOf(/** @type {Blob} */ (content)));
    parts.push(zip.file(path, size, modified, sum), content);
    if (parts.length < PARTS_MOST) continue;
    whole.push(new Blob(parts)); // a Blob of many parts is made in one long task
    parts = [];
  }
  return new Blob([...whole, ...parts, ...zip.end()], { type: "application/zip" });
}

/** @param {Head} head @param {number} crc @param {number} size */
function local({ name, flags, modified, wide }, crc, size) {
  const extra = new Writer();
  if (wide) extra.u16(1).u16(16).u64(size).u64(size);
  const extras = extra.bytes(stamp(modified)).all;
  const told = wide ? FULL32 : size;
  const writer = new Writer().u32(0x04034b50).u16(needed(wide)).u16(flags).u16(0).u32(dosTime(modified));
  writer.u32(crc).u32(told).u32(told).u16(name.length).u16(extras.length);
  return writer.bytes(name).bytes(extras).all;
}

/** The version that is needed to read it. @param {boolean} wide ZIP64 */
const needed = (wide) => (wide ? 45 : 20);

/** The extended timestamp (UT): seconds in UTC, where they fit. @param {number} modified @returns {Bytes} */
function stamp(modified) {
  const time = Math.floor(modified / 1000);
  if (!(-(2 ** 31) <= time && time < 2 ** 31)) return new Uint8Array(0);
  return new Writer().u16(0x5455).u16(5).bytes(Uint8Array.of(1)).u32(time).all;
}

/** Time and date as MS-DOS has them, local, from 1980 to 2107; date in the upper half. @param {number} modified ms since 1970 */
function dosTime(modified) {
  const when = new Date(modified);
  const year = when.getFullYear();
  if (!(year >= 1980)) return (1 << 21) | (1 << 16);
  if (year > 2107) return 0xff9fbf7d | 0;
  const date = ((year - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  return (date << 16) | (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
}
