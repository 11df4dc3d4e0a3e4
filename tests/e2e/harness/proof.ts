/**
 * The proofs that what is in etcd is encrypted.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Cluster } from "./cluster.ts";
import { guarded, isSealed, type KmsApi } from "./encryption.ts";
import { findLeaks, type Leak } from "./etcd.ts";
import type { Values } from "./script.ts";

/** How the script leaves etcd. */
export interface Scan {
  readonly keys: number;
  readonly files: number;
}

/**
 * Looks for every value that was ever written, in every key and in each file of etcd, deleted and overwritten ones too.
 *
 * @throws {AssertionError} that names the places and not the values.
 */
export async function assertNothingInTheClear(cluster: Cluster, values: Values): Promise<Scan> {
  const secrets = Object.values(values);
  const [entries, files] = [await cluster.etcd.entries(), await cluster.etcd.files()];
  const leaks = findLeaks([...entries, ...files], secrets);
  assert.equal(leaks.length, 0, `values stand in the clear in ${places(leaks)}`);
  return { keys: entries.length, files: files.length };
}

/**
 * Looks at every Secret and ConfigMap in etcd.
 *
 * @returns how many there are.
 * @throws {AssertionError} if one of them was not sealed by way of the plugin, or if there is none.
 */
export async function assertSealed(cluster: Cluster, api: KmsApi): Promise<number> {
  const all = guarded(await cluster.etcd.entries());
  const open = all.filter((entry) => !isSealed(entry, api)).map(({ key }) => key);
  assert.equal(open.length, 0, `not sealed: ${open.join(", ")}`);
  assert.notEqual(all.length, 0, "there is nothing in etcd that could be sealed");
  return all.length;
}

function places(leaks: readonly Leak[]): string {
  return [...new Set(leaks.map(({ key, form }) => `${key} (${form})`))].join(", ");
}
