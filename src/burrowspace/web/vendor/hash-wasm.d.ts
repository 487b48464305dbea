export interface Hasher {
  init(): Hasher;
  update(data: Uint8Array): Hasher;
  digest(kind: "binary"): Uint8Array<ArrayBuffer>;
  save(): Uint8Array<ArrayBuffer>;
  load(state: Uint8Array): Hasher;
}
export function createBLAKE3(bits?: number): Promise<Hasher>;
export function blake3(data: Uint8Array, bits?: number): Promise<string>;
