export interface Point {
  add(other: Point): Point;
  subtract(other: Point): Point;
  multiply(scalar: bigint): Point;
  multiplyUnsafe(scalar: bigint): Point;
  clearCofactor(): Point;
  is0(): boolean;
  isTorsionFree(): boolean;
  equals(other: Point): boolean;
  toBytes(): Uint8Array<ArrayBuffer>;
}
export const ed25519: {
  Point: {
    BASE: Point;
    ZERO: Point;
    Fp: { ORDER: bigint };
    Fn: { ORDER: bigint };
    fromBytes(bytes: Uint8Array, zip215?: boolean): Point;
  };
};
export const x25519: {
  /** Throws for a point that gives zero. */
  getSharedSecret(secret: Uint8Array, publicKey: Uint8Array): Uint8Array<ArrayBuffer>;
  getPublicKey(secret: Uint8Array): Uint8Array<ArrayBuffer>;
};
