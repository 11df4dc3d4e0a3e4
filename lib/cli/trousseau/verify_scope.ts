/**
 * The resources that `trousseau verify` counts.
 *
 * @module
 */
import type { EncryptionUsage, UsageRow } from "../../cluster/encryption_usage.ts";
import { type EncryptedList, rowsInScope } from "../../cluster/usage_scope.ts";
import type { EncryptionEntry } from "../../config/encryption/entries.ts";
import { readEncryptionFile } from "../../config/encryption/file.ts";
import { apiServerManifest, encryptionConfigIn } from "../../config/encryption/manifest.ts";
import { covers, sameResource } from "../../config/encryption/rules.ts";
import { readTextFile } from "../../config/text_file.ts";
import { resourceList } from "./encryption_resources.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Where the resources come from. */
export type VerifyScope =
  | { readonly by: "file"; readonly path: string; readonly entries: readonly EncryptionEntry[] }
  | { readonly by: "option"; readonly resources: readonly string[] }
  | { readonly by: "guess" };

/**
 * The scope by `--encryption-config`, by `--resources`, by kube-apiserver's manifest on this machine, or by the data.
 *
 * @throws {KmsError} `config` for a file that cannot be read or that kube-apiserver refuses.
 */
export async function scopeOf(call: TrousseauCall): Promise<VerifyScope> {
  const { options } = call;
  const { scope, "encryption-config": given } = options;
  if (given === undefined && scope !== undefined) return { by: "option", resources: resourceList(scope) };
  const path = given ?? await pathInManifest(call);
  if (path === undefined) return { by: "guess" };
  return { by: "file", path, entries: readEncryptionFile(path, await readTextFile(path)).entries };
}

/** The path on the node; `undefined` if there is no manifest here, or no such file: this is no control plane node then. */
async function pathInManifest({ terminal: { files } }: TrousseauCall): Promise<string | undefined> {
  if (await files.kind(apiServerManifest) !== "file") return undefined;
  const path = encryptionConfigIn(await readTextFile(apiServerManifest))?.onNode;
  return path === undefined || await files.kind(path) === "file" ? path : undefined;
}

/** The rows in scope, and the resources if they were guessed. */
export interface ScopedRows {
  readonly rows: readonly UsageRow[];
  readonly guessed: readonly string[] | undefined;
}

/** Applies a scope to what was read. */
export function rowsOf(scope: VerifyScope, usage: EncryptionUsage): ScopedRows {
  if (scope.by === "guess") {
    const guessed = [...new Set(["secrets", ...usage.encrypted()])].toSorted();
    return { rows: rowsInScope(usage.rows(), [{ resources: guessed, readsPlain: false }], includes), guessed };
  }
  const lists = scope.by === "file" ? scope.entries.map(listOf) : [{ resources: scope.resources, readsPlain: false }];
  return { rows: rowsInScope(usage.rows(), lists, includes), guessed: undefined };
}

function listOf({ resources, providers }: EncryptionEntry): EncryptedList {
  return { resources, readsPlain: providers.some(({ kind }) => kind === "identity") };
}

function includes(name: string, resource: string): boolean {
  return sameResource(name, resource) || covers(name, resource);
}
