/**
 * The key ID, which kube-apiserver compares. Equal configurations and equal versions give equal IDs on every node.
 *
 * @module
 */
import { compareTexts, hex, lengthPrefixed, sha256, utf8 } from "../../../base/bytes.ts";

/** The part of one provider in a key ID. */
export interface KeyIdMember {
  readonly name: string;
  readonly kind: string;
  /** The counted version; {@linkcode unseenVersion} for a provider that has never answered on this node. */
  readonly version: string;
}

/** The version of a provider that has never answered. A key ID with it is provisional. */
export const unseenVersion = "?";

/**
 * Makes a key ID: `t1-` and the first 32 hexadecimal digits of SHA-256 over the length-prefixed epoch, then name, kind and
 * version of each provider in name order. With 128 bits, two configurations do not collide by chance.
 *
 * @returns 35 ASCII bytes.
 */
export function keyIdOf(keyEpoch: number, members: readonly KeyIdMember[]): string {
  const sorted = members.toSorted((a, b) => compareTexts(a.name, b.name));
  const texts = [String(keyEpoch), ...sorted.flatMap(({ name, kind, version }) => [name, kind, version])];
  const digest = sha256(lengthPrefixed(...texts.map(utf8)));
  return `t1-${hex(digest).slice(0, 32)}`;
}
