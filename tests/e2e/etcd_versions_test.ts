/**
 * `trousseau verify` on etcd 3.4, 3.5 and 3.6: it counts as etcd's own client and as bbolt, the library that writes the
 * file.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { base64, concat, utf8 } from "../../lib/base/bytes.ts";
import { run as runCommand } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { type EtcdCluster, startCluster } from "../support/etcd.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { run } from "../support/processes.ts";
import { serverProgram } from "./servers.ts";

/** Folders in etcd and the resources that `verify` prints for them. */
const folders = {
  "/registry/secrets": "secrets",
  "/registry/configmaps": "configmaps",
  "/registry/deployments": "deployments.apps",
  "/registry/example.com/widgets": "widgets.example.com",
} as const;

/** Values by the states that `verify` prints for them. */
const values = {
  plain: utf8("k8s\0text"),
  aesgcm: concat(utf8("k8s:enc:aesgcm:v1:k1:"), new Uint8Array(64)),
  aescbc: concat(utf8("k8s:enc:aescbc:v1:k1:"), new Uint8Array(64)),
  secretbox: concat(utf8("k8s:enc:secretbox:v1:k1:"), new Uint8Array(64)),
  "kms-v2": concat(utf8("k8s:enc:kms:v2:k1:"), Uint8Array.of(0x12, 3, 0x61, 0x62, 0x63)),
} as const satisfies Record<string, Uint8Array>;

const labels: Readonly<Record<string, string>> = {
  plain: "plain",
  "k8s:enc:aesgcm:v1:k1": "aesgcm",
  "k8s:enc:aescbc:v1:k1": "aescbc",
  "k8s:enc:secretbox:v1:k1": "secretbox",
  "k8s:enc:kms:v2:k1": "kms-v2",
};

/** Numbers from 0 to `below`, the same ones in each run. */
function numbers(): (below: number) => number {
  let state = 20_260_000;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

/** Writes, overwrites and deletes: 3,000 operations on 700 keys, with values of up to five pages. */
async function fill(etcd: EtcdCluster): Promise<void> {
  const next = numbers();
  const keys = Object.keys(folders).flatMap((folder) =>
    Array.from({ length: 175 }, (_, at) => `${folder}/ns-${at % 5}/object-${at}`)
  );
  const states = Object.values(values);
  for (let done = 0; done < 3_000; done += 50) {
    await Promise.all(Array.from({ length: 50 }, () => {
      const key = base64(utf8(keys[next(keys.length)] ?? ""));
      if (next(5) === 0) return etcd.api("/v3/kv/deleterange", { key });
      const value = concat(states[next(states.length)] ?? values.plain, new Uint8Array(next(20_000)));
      return etcd.api("/v3/kv/put", { key, value: base64(value) });
    }));
  }
}

/** The number of objects by resource and state. */
type Counts = Readonly<Record<string, number>>;

function countsOf(items: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const item of items.toSorted()) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

async function verified(words: readonly string[]): Promise<Counts> {
  const terminal = fakeTerminal();
  const resources = ["--resources", Object.values(folders).join(",")];
  const status = await runCommand(["verify", ...words, ...resources, "--json"], trousseau, terminal);
  equal(status, 0, terminal.err());
  const { rows }: { rows: { resource: string; state: string; objects: number }[] } = JSON.parse(terminal.out());
  const counted = rows.map(({ resource, state, objects }): [string, number] => [`${resource} ${state}`, objects]);
  return Object.fromEntries(counted.filter(([, objects]) => objects > 0).toSorted(([a], [b]) => a < b ? -1 : 1));
}

async function said(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { env });
  equal(code, 0, stderr);
  return stdout;
}

/** The counts of bbolt in a data file. */
async function countedByBolt(path: string): Promise<Counts> {
  const lines = (await said(await serverProgram("bolt-rows"), [path])).trimEnd().split("\n");
  return countsOf(lines.map((line) => {
    const [key = "", , label = ""] = line.split("\t");
    const folder = Object.entries(folders).find(([path]) => key.startsWith(`${path}/`));
    return `${folder?.[1]} ${labels[label]}`;
  }));
}

const programs = {
  "3.4": () => Promise.resolve("etcd"),
  "3.5": () => serverProgram("etcd-3.5"),
  "3.6": () => serverProgram("etcd-3.6"),
} as const;

for (const [version, program] of Object.entries(programs)) {
  Deno.test(`verify() counts etcd ${version} and its snapshot as etcdctl and bbolt do`, async () => {
    const command = await program();
    ok((await said(command, ["--version"])).includes(`etcd Version: ${version}.`), version);
    await using etcd = await startCluster(1, command);
    await fill(etcd);
    const { caFile = "", certificateFile = "", keyFile = "" } = etcd.settings.tls;
    const endpoint = etcd.settings.endpoints.join(",");
    const tls = ["--cacert", caFile, "--cert", certificateFile, "--key", keyFile];
    const etcdctl = (...words: string[]) =>
      said("etcdctl", ["--endpoints", endpoint, ...tls, ...words], { ETCDCTL_API: "3" });

    const snapshot = `${etcd.folder}/saved.db`;
    await etcdctl("snapshot", "save", snapshot);
    const expected = await countedByBolt(snapshot);
    ok(Object.keys(expected).length === 20, JSON.stringify(expected));
    deepEqual(await verified(["--snapshot", snapshot]), expected);
    deepEqual(await verified(["--etcd", endpoint, ...tls]), expected);
    for (const [folder, resource] of Object.entries(folders)) {
      const keys = (await etcdctl("get", "--prefix", `${folder}/`, "--keys-only")).split("\n").filter(Boolean);
      const ours = Object.entries(expected).filter(([name]) => name.startsWith(`${resource} `));
      equal(ours.reduce((sum, [, objects]) => sum + objects, 0), keys.length, folder);
    }
    await etcd.members[0]?.process[Symbol.asyncDispose]();
    deepEqual(await verified(["--snapshot", `${etcd.folder}/m0/member/snap/db`]), expected);
  });
}
