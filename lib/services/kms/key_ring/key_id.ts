/**
 * The key ID that kube-apiserver compares: equal config and equal versions give equal IDs on every node.
 *
 * @module
 */
import { compareTexts, hex, lengthPrefixed, sha256, utf8 } from "../../../base/bytes.ts";

/** What a provider adds to the ID. */
export interface KeyIdMember {
  readonly name: string;
  readonly kind: string;
  /** `?` for one that this node has never seen. */
  readonly version: string;
}

/** The version of a provider that was never seen: it makes the ID a provisional one. */
export const unseenVersion = "?";

/**
 * `t1-` and the first 32 hex digits of SHA-256 over the length-prefixed epoch, then each provider in name order: name,
 * kind, version. 128 bits: nobody can make two configurations collide by chance.
 *
 * @returns 35 ASCII bytes.
 */
export function keyIdOf(keyEpoch: number, members: readonly KeyIdMember[]): string {
  const sorted = members.toSorted((a, b) => compareTexts(a.name, b.name));
  const texts = [String(keyEpoch), ...sorted.flatMap(({ name, kind, version }) => [name, kind, version])];
  const digest = sha256(lengthPrefixed(...texts.map(utf8)));
  return `t1-${hex(digest).slice(0, 32)}`;
}
