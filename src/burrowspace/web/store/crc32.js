/**
 * CRC-32 as ZIP has it (APPNOTE 4.4.7: polynomial 0xEDB88320, reflected), sixteen bytes at a step ("slicing by 16").
 */

const SLICES = 16;
const TABLE = tables();

/** Slice after slice, 256 entries each. */
function tables() {
  const table = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    table[byte] = value;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256];
    table[at] = table[before & 0xff] ^ (before >>> 8);
  }
  return table;
}

/** The CRC-32 of what had `before` and `data` behind it; 0 is that of nothing. @param {number} before @param {Uint8Array} data */
export function crc32(before, data) {
  const table = TABLE;
  const { length } = data;
  let crc = ~before;
  let at = 0;
  for (const stop = length - (SLICES - 1); at < stop; at += SLICES) {
    crc ^= data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
    crc =
      table[3840 + (crc & 0xff)] ^
      table[3584 + ((crc >>> 8) & 0xff)] ^
      table[3328 + ((crc >>> 16) & 0xff)] ^
      table[3072 + (crc >>> 24)] ^
      table[2816 + data[at + 4]] ^
      table[2560 + data[at + 5]] ^
      table[2304 + data[at + 6]] ^
      table[2048 + data[at + 7]] ^
      table[1792 + data[at + 8]] ^
      table[1536 + data[at + 9]] ^
      table[1280 + data[at + 10]] ^
      table[1024 + data[at + 11]] ^
      table[768 + data[at + 12]] ^
      table[512 + data[at + 13]] ^
      table[256 + data[at + 14]] ^
      table[data[at + 15]];
  }
  for (; at < length; at++) crc = table[(crc ^ data[at]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Of a whole Blob, a piece at a time. @param {Blob} blob */
export async function crcOf(blob) {
  let crc = 0;
  const reader = blob.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return crc;
    crc = crc32(crc, value);
  }
}
