/**
 * The Secrets in etcd, read without Trousseau: by etcdctl, and by bbolt from a file.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import { run } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";

/**
 * How a value is stored, by its key in etcd: `plain`, or the first five parts between colons, as in
 * `k8s:enc:kms:v2:trousseau`. With key IDs, that of KMS v2 follows a space.
 */
export type StoredRows = ReadonlyMap<string, string>;

const folder = "/registry/secrets/";

/** Reads a running etcd by etcdctl, with key IDs. */
export async function rowsByEtcdctl(endpoint: string): Promise<StoredRows> {
  const words = ["--endpoints", endpoint, "get", "--prefix", folder, "--write-out", "json"];
  const { kvs }: { kvs: { key: string; value: string }[] } = JSON.parse(await said("etcdctl", words));
  return new Map(kvs.map(({ key, value }) => [Buffer.from(key, "base64").toString(), labelOf(value)]));
}

function labelOf(base64: string): string {
  const value = Buffer.from(base64, "base64");
  const head = value.subarray(0, 320).toString("latin1");
  const [prefix] = /^k8s:enc:[^:]+:[^:]+:[^:]+/.exec(head) ?? [];
  if (prefix === undefined) return "plain";
  return prefix.startsWith("k8s:enc:kms:v2:") ? `${prefix} ${keyIdOf(value.subarray(prefix.length + 1))}` : prefix;
}

/** The field `keyID` of kube-apiserver's EncryptedObject. */
function keyIdOf(bytes: Uint8Array): string {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (2 << 3 | 2)) return reader.string();
    reader.skipType(tag & 7);
  }
  throw new Error("The value has no key ID.");
}

/** Reads a snapshot, or a copy of a database, by bbolt. */
export async function rowsByBolt(path: string): Promise<StoredRows> {
  const lines = (await said(await serverProgram("bolt-rows"), [path])).trimEnd().split("\n");
  return new Map(lines.flatMap((line) => {
    const [key = "", , label = ""] = line.split("\t");
    return key.startsWith(folder) ? [[key, label]] : [];
  }));
}

/** A row of `verify --list --json`. */
export interface VerifiedRow {
  readonly resource: string;
  readonly state: string;
  readonly provider: string | null;
  readonly keyId: string | null;
  readonly objects: number;
  readonly names?: readonly string[];
}

/** The transformers by the states of `verify`. */
const transformers: Readonly<Record<string, string>> = {
  aesgcm: "aesgcm:v1",
  foreign: "kms:v2",
  "trousseau-v2": "kms:v2",
  "trousseau-v1beta1": "kms:v1",
};

/** The rows of `verify --list --json` in the same form, with key IDs. */
export function rowsOfVerify(rows: readonly VerifiedRow[]): StoredRows {
  return new Map(rows.flatMap(({ resource, state, provider, keyId, objects, names = [] }) => {
    equal(resource, "secrets");
    equal(names.length, objects);
    const transformer = transformers[state];
    const prefix = transformer === undefined ? state : `k8s:enc:${transformer}:${provider}`;
    const label = transformer === "kms:v2" ? `${prefix} ${keyId}` : prefix;
    return names.map((name): [string, string] => [`${folder}${name}`, label]);
  }));
}

/** The same rows without key IDs. */
export function withoutKeyIds(rows: StoredRows): StoredRows {
  return new Map([...rows].map(([key, label]) => [key, label.split(" ")[0] ?? label]));
}

/** The number of rows with each label. */
export function countsOf(rows: StoredRows): Readonly<Record<string, number>> {
  const labels = Map.groupBy(rows.values(), (label) => label);
  return Object.fromEntries([...labels].map(([label, all]): [string, number] => [label, all.length]).toSorted());
}

/** @throws {AssertionError} with the first rows that differ. */
export function assertSameRows(found: StoredRows, expected: StoredRows, what: string): void {
  const keys = [...new Set([...found.keys(), ...expected.keys()])];
  const other = keys.filter((key) => found.get(key) !== expected.get(key));
  const shown = other.slice(0, 5).map((key) => `${key}: ${found.get(key)} for ${expected.get(key)}`);
  equal(other.length, 0, `${what}: ${other.length} rows differ, such as ${shown.join("; ")}`);
}

async function said(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { env: { ETCDCTL_API: "3" } });
  equal(code, 0, stderr);
  return stdout;
}
