/**
 * The objects in etcd by the providers of the configuration that can open them, told by the labels of their wraps.
 *
 * @module
 */
import type { UsageRow } from "../../../cluster/encryption_usage.ts";
import type { Config } from "../../../config/config.ts";
import { forgottenVersions } from "../../../services/kms/key_ring/forgotten.ts";

/** The counted objects of an etcd. */
export interface CountedObjects {
  /** The file or the etcd. */
  readonly source: string;
  readonly rows: readonly UsageRow[];
}

/** Objects with wraps by the same providers. */
export interface OpenableObjects {
  /** Number of objects. */
  readonly objects: number;
  /** Present names of the configured providers that have wrapped their data keys; empty if none of them has. */
  readonly openers: readonly string[];
  /** The names in their wraps. */
  readonly written: readonly string[];
}

/** The part of a configuration that says which wraps can be opened. */
type OpeningConfig = Pick<Config, "providers" | "retired" | "forgotten" | "readForeign">;

/**
 * The objects that this plugin reads. A provider under `providers` or `retired` opens the wraps of its name and of its
 * former names, except versions that were given up under `forgotten`. Objects of a format that is not under
 * `readForeign` are left out.
 */
export function openableObjects(rows: readonly UsageRow[], config: OpeningConfig): readonly OpenableObjects[] {
  const read = rows.filter(({ format, wraps }) =>
    wraps.length > 0 && (format === null || config.readForeign.some((source) => source.format === format))
  );
  const known = read.flatMap(({ wraps }) => wraps).map(({ name, version }) => ({ provider: name, kind: "", version }));
  const { forgets } = forgottenVersions(config.forgotten, known);
  return read.map(({ format, wraps, objects }) => {
    const kept = wraps.filter(({ name, version }) => !forgets({ provider: name, kind: "", version }));
    const names = new Set(kept.map(({ name }) => name));
    const openers = format === null ? ownOpeners(names, config) : foreignOpeners(names, format, config);
    return { objects, openers, written: wraps.map(({ name }) => name) };
  });
}

function ownOpeners(names: ReadonlySet<string>, { providers, retired }: OpeningConfig): readonly string[] {
  const opens = (name: string, formerly: readonly string[]) => [name, ...formerly].some((one) => names.has(one));
  return [...providers, ...retired].filter(({ name, formerly }) => opens(name, formerly)).map(({ name }) => name);
}

function foreignOpeners(names: ReadonlySet<string>, format: string, { readForeign }: OpeningConfig): readonly string[] {
  const sources = readForeign.filter((source) => source.format === format);
  return sources.flatMap(({ providers }) => providers.filter(({ written }) => names.has(written)))
    .map(({ name }) => name);
}

/** The number of objects of some rows. */
export function sumOfObjects(rows: readonly Pick<OpenableObjects, "objects">[]): number {
  return rows.reduce((sum, { objects }) => sum + objects, 0);
}
