/**
 * The checks that the content of etcd is encrypted.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Cluster } from "./cluster.ts";
import { guarded, isSealed, type KmsApi } from "./encryption.ts";
import { findLeaks, type Leak } from "./etcd.ts";
import type { Values } from "./script.ts";

/** The size of the searched data. */
export interface Scan {
  readonly keys: number;
  readonly files: number;
}

/**
 * Searches every key and each file of etcd for all values, deleted and overwritten ones too.
 *
 * @throws {AssertionError} with the places, without the values.
 */
export async function assertNothingInTheClear(cluster: Cluster, values: Values): Promise<Scan> {
  const secrets = Object.values(values);
  const [entries, files] = [await cluster.etcd.entries(), await cluster.etcd.files()];
  const leaks = findLeaks([...entries, ...files], secrets);
  assert.equal(leaks.length, 0, `values stand in the clear in ${places(leaks)}`);
  return { keys: entries.length, files: files.length };
}

/**
 * Checks every Secret and ConfigMap in etcd.
 *
 * @returns their number.
 * @throws {AssertionError} if one of them was not sealed by the plugin, or if there is none.
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
