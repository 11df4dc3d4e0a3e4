/**
 * Opens the objects of a snapshot.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { KmsError, toKmsError } from "../base/errors.ts";
import {
  type EncryptedObject,
  type OpenedObject,
  openObject,
  readEncryptedObject,
} from "../cluster/objects/encrypted_object.ts";
import { readStoredValue } from "../cluster/objects/stored_value.ts";
import type { SnapshotObject } from "../cluster/snapshot_objects.ts";
import type { KmsApi } from "../api/kms/messages.ts";
import type { OfflineDecryptor } from "./offline_decryptor.ts";

/** The APIs by the transformer in the prefix of a value. */
const apis: Readonly<Record<string, KmsApi | undefined>> = { "kms:v1": "v1beta1", "kms:v2": "v2" };

/** A value, as it was found. */
export type FoundValue =
  | { readonly by: "plain"; readonly plaintext: Uint8Array }
  /** Under a key of the EncryptionConfiguration, which no KMS has. */
  | { readonly by: "configuration"; readonly transformer: string }
  | { readonly by: "kms"; readonly object: EncryptedObject }
  | { readonly by: "unknown" };

/** Tells how a value is stored. */
export function findValue(value: Uint8Array): FoundValue {
  const read = readStoredValue(value);
  if (read === "plain") return { by: "plain", plaintext: value };
  if (read === undefined) return { by: "unknown" };
  const api = apis[read.transformer];
  if (api === undefined) {
    return /^(?:aescbc|aesgcm|secretbox):v1$/.test(read.transformer)
      ? { by: "configuration", transformer: read.transformer }
      : { by: "unknown" };
  }
  const object = readEncryptedObject(read.rest, api);
  return object === undefined ? { by: "unknown" } : { by: "kms", object };
}

/** The seeds of one sealed seed: by each provider that was asked, its seed or its error. */
export type SeedResults = ReadonlyMap<string, Uint8Array | KmsError>;

/** Opens objects, and asks for each sealed seed once. */
export class SnapshotOpener {
  readonly #decryptor: OfflineDecryptor;
  readonly #signal: AbortSignal;
  readonly #seeds = new Map<string, Promise<SeedResults>>();
  /** `any`: the first provider that opens a seed is enough. `each`: every holder is asked. */
  readonly #ask: "any" | "each";

  constructor(decryptor: OfflineDecryptor, ask: "any" | "each", signal: AbortSignal) {
    this.#decryptor = decryptor;
    this.#ask = ask;
    this.#signal = signal;
  }

  /** The results for the sealed seed of an object. Empty if no configured provider wrapped its data key. */
  seedsOf(object: EncryptedObject): Promise<SeedResults> {
    const id = idOf(object);
    const known = this.#seeds.get(id) ?? this.#askFor(object);
    this.#seeds.set(id, known);
    return known;
  }

  async #askFor(object: EncryptedObject): Promise<SeedResults> {
    const results = new Map<string, Uint8Array | KmsError>();
    for (const name of this.#decryptor.names) {
      const seed = await this.#decryptor.openBy(name, object, this.#signal).catch(toKmsError);
      this.#signal.throwIfAborted();
      if (seed === undefined) continue;
      results.set(name, seed);
      if (this.#ask === "any" && seed instanceof Uint8Array) break;
    }
    return results;
  }

  /** Number of different sealed seeds so far. */
  get seedCount(): number {
    return this.#seeds.size;
  }
}

/** Opens an object with the seeds of its providers. @returns `undefined` if none of them opens it. */
export function openWithSeeds(
  { keyBytes }: Pick<SnapshotObject, "keyBytes">,
  object: EncryptedObject,
  seeds: SeedResults,
): (OpenedObject & { readonly provider: string }) | undefined {
  for (const [provider, seed] of seeds) {
    const opened = seed instanceof KmsError ? undefined : openObject(object, seed, keyBytes);
    if (opened !== undefined) return { ...opened, provider };
  }
  return undefined;
}

/** The reason why no seed opens an object. */
export function whyClosed(seeds: SeedResults): string {
  const errors = [...seeds.values()].filter((one) => one instanceof KmsError);
  if (seeds.size === 0) return "No provider of the configuration wrapped its data key.";
  if (errors.length < seeds.size) {
    return "Its seed opens and its data does not: the value was changed, or copied from another key of etcd.";
  }
  return [...new Set(errors.map(({ message }) => message))].join(" ");
}

/** The same for the same sealed seed with the same annotations. */
function idOf({ api, keyId, ciphertext, annotations }: EncryptedObject): string {
  const hash = createHash("sha256");
  const parts = Object.entries(annotations).map(([name, value]) => [name, value.length]);
  hash.update(JSON.stringify([api, keyId, ciphertext.length, parts])).update(ciphertext);
  for (const value of Object.values(annotations)) hash.update(value);
  return hash.digest("base64");
}
