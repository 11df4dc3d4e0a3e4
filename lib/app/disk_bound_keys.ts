/**
 * Tells by the store keys whether a backup opens once the machine of the server is lost.
 *
 * @module
 */
import type { Config, ProviderConfig } from "../config/config.ts";
import type { DiskBoundKeys } from "../services/keyring/backup/openable.ts";
import type { StoreKeyRow } from "../services/keyring/records/store_key.ts";

/**
 * The store keys decide, not the providers alone: a provider that was added later, or did not answer, has not wrapped them.
 * A wrap under a name that is not configured does not count, since nothing tells where its key lies.
 *
 * @returns `undefined` if a provider that is not of kind `local` has wrapped each of these keys.
 */
export function diskBoundKeys(
  { providers, retired }: Pick<Config, "providers" | "retired">,
  rows: readonly Pick<StoreKeyRow, "frame">[],
): DiskBoundKeys | undefined {
  const elsewhere = new Set([...providers, ...retired].filter((one) => !isLocal(one)).flatMap(namesOf));
  const wrappers = rows.map(({ frame: { wraps } }) => wraps.map(({ name }) => name));
  const bound = wrappers.filter((names) => !names.some((name) => elsewhere.has(name)));
  if (bound.length === 0) return undefined;
  const [first] = providers;
  if (first?.settings.kind === "local" && providers.every(isLocal)) return { keyFile: first.settings.keyFile };
  return { wrappedBy: [...new Set(bound.flat())].toSorted() };
}

function isLocal({ settings: { kind } }: ProviderConfig): boolean {
  return kind === "local";
}

function namesOf({ name, formerly }: ProviderConfig): readonly string[] {
  return [name, ...formerly];
}
