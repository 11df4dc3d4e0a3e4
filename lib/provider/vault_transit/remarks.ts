/**
 * Findings about a transit key in Vault, for an operator.
 *
 * @module
 */
import { field } from "../../net/https/fields.ts";
import { parseVersion } from "./ciphertext.ts";

/** The response of `read transit/keys/<key>`, with its verified parts. */
export interface ReadKey {
  /** The `data` of the response, not validated. */
  readonly data: unknown;
  /** Creation times in seconds since the epoch, by number, of versions that are allowed to decrypt. */
  readonly createdAt: ReadonlyMap<number, number>;
  /** The number of the newest version. */
  readonly latest: number;
}

/** See `Remarks` of `lib/provider/provider.ts`. */
export function keyRemarks(versions: readonly string[], key: ReadKey): readonly string[] {
  const lost = versions.flatMap((version) => {
    const why = whyLost(version, key);
    return why === undefined
      ? []
      : [`Version ${version}, which this node has sealed with, does not open any more: ${why}.`];
  });
  return [...lost, ...leaks(key.data)];
}

function whyLost(name: string, { data, createdAt, latest }: ReadKey): string | undefined {
  const version = parseVersion(name);
  if (version === undefined) return undefined;
  const remade = "the key was deleted and made again, or Vault was taken back to before a rotation";
  if (version.number > latest) return remade;
  const found = createdAt.get(version.number);
  if (found !== undefined) return found === version.createdAt ? undefined : remade;
  const least = field(data, "min_decryption_version");
  return typeof least === "number" && version.number < least
    ? `the key's min_decryption_version is ${least}`
    : "the key has no such version any more";
}

/** Warnings about settings that permit the key to leave Vault. Neither can be reverted. */
function leaks(data: unknown): readonly string[] {
  return [
    ...(field(data, "exportable") === true
      ? ["The key is exportable: a login with the right to export it gets it in plain text."]
      : []),
    ...(field(data, "allow_plaintext_backup") === true
      ? ["The key has allow_plaintext_backup: a login with the right to back it up gets it in plain text."]
      : []),
  ];
}
