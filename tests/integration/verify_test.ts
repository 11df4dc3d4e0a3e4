/**
 * `trousseau verify` on a real etcd and its snapshots.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { base64, concat, utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { etcdSnapshot } from "../../lib/net/etcd/etcd_maintenance.ts";
import { type EtcdCluster, startCluster } from "../support/etcd.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";

interface Row {
  readonly resource: string;
  readonly state: string;
  readonly provider: string | null;
  readonly keyId: string | null;
  readonly objects: number;
  readonly olderRevisions: number;
}

/** Runs `trousseau verify`. */
async function verified(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["verify", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

async function rowsOf(...words: string[]) {
  const { status, out, err } = await verified(...words, "--json");
  equal(err, "");
  const { rows, revision, freed, checksum }: {
    rows: Row[];
    revision: number;
    checksum: string | null;
    freed?: { encrypted: number };
  } = JSON.parse(out);
  return { status, rows, revision, freed, checksum };
}

const counts = (rows: readonly Row[]) =>
  rows.map(({ resource, state, provider, keyId, objects, olderRevisions }) =>
    [resource, state, provider, keyId, objects, olderRevisions].join(" ")
  );

async function put(etcd: EtcdCluster, key: string, value: Uint8Array): Promise<void> {
  await etcd.api("/v3/kv/put", { key: base64(utf8(key)), value: base64(value) });
}

/** A value of `size` bytes that begins as one of KMS v2. */
function kmsValue(keyId: string, size: number): Uint8Array {
  const head = concat(utf8("k8s:enc:kms:v2:p:"), Uint8Array.of(0x12, keyId.length), utf8(keyId));
  const rest = size - head.length - 3;
  return concat(head, Uint8Array.of(0x0a, 0x80 | (rest & 0x7f), rest >> 7), new Uint8Array(rest));
}

/** Objects: 600 secrets under `old`, 300 of them written again under `new`, 20 deleted; 30 config maps in plain text. */
async function fill(etcd: EtcdCluster): Promise<void> {
  const name = (at: number) => `/registry/secrets/ns-${at % 7}/secret-${at}`;
  const all = Array.from({ length: 600 }, (_, at) => at);
  for (let at = 0; at < all.length; at += 50) {
    await Promise.all(all.slice(at, at + 50).map((one) => put(etcd, name(one), kmsValue("old", 200 + 13 * one))));
  }
  await Promise.all(all.slice(0, 300).map((one) => put(etcd, name(one), kmsValue("new", 3000))));
  await Promise.all(all.slice(580).map((one) => etcd.api("/v3/kv/deleterange", { key: base64(utf8(name(one))) })));
  await Promise.all(all.slice(0, 30).map((one) => put(etcd, `/registry/configmaps/a/c-${one}`, utf8("k8s\0x"))));
  await put(etcd, "/elsewhere/a", utf8("x"));
}

async function save(etcd: EtcdCluster, path: string): Promise<void> {
  using client = await EtcdClient.open(etcd.settings, systemClock, () => {});
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const call = { signal: AbortSignal.timeout(30_000), action: "save a snapshot" };
  for await (const part of etcdSnapshot(client, call)) await file.write(part);
}

Deno.test("verify() counts a real etcd, its snapshot and a copy of its database alike", async () => {
  await using etcd = await startCluster();
  await fill(etcd);
  const path = `${etcd.folder}/snapshot.db`;
  await save(etcd, path);
  const expected = [
    "secrets kms-v2 p new 300 0",
    "secrets kms-v2 p old 280 0",
  ];
  const snapshot = await rowsOf("--snapshot", path);
  deepEqual(counts(snapshot.rows), expected);
  equal(snapshot.checksum, "verified");
  const { caFile = "", certificateFile = "", keyFile = "" } = etcd.settings.tls;
  const address = ["--etcd", etcd.settings.endpoints.join(","), "--cacert", caFile];
  const live = await rowsOf(...address, "--cert", certificateFile, "--key", keyFile);
  deepEqual([counts(live.rows), live.revision, live.checksum], [expected, snapshot.revision, null]);
  await etcd.members[0]?.process[Symbol.asyncDispose]();
  const copy = await rowsOf("--snapshot", `${etcd.folder}/m0/member/snap/db`);
  deepEqual([counts(copy.rows), copy.checksum], [expected, "none"]);
  const older = await rowsOf("--snapshot", path, "--all-revisions", "--resources", "secrets,configmaps,pods");
  deepEqual(counts(older.rows), [
    "configmaps plain   30 0",
    "pods plain   0 0",
    "secrets kms-v2 p new 300 0",
    "secrets kms-v2 p old 280 320",
  ]);
});

Deno.test("verify() does not count compacted revisions, and finds them in free pages with --freed", async () => {
  await using etcd = await startCluster();
  await fill(etcd);
  const { header } = await etcd.api("/v3/kv/range", { key: base64(utf8("/a")) });
  const revision = String((header as { readonly revision: string }).revision);
  await etcd.api("/v3/kv/compaction", { revision, physical: true });
  const path = `${etcd.folder}/snapshot.db`;
  await save(etcd, path);
  const { rows, freed } = await rowsOf("--snapshot", path, "--all-revisions", "--freed");
  deepEqual(counts(rows), ["secrets kms-v2 p new 300 0", "secrets kms-v2 p old 280 0"]);
  equal((freed?.encrypted ?? 0) > 0, true);
});

Deno.test("verify() ends with 0, 1, 64, 65, 69 and 78, each with one sentence", async () => {
  await using etcd = await startCluster();
  await put(etcd, "/registry/secrets/a/b", kmsValue("k1", 300));
  const path = `${etcd.folder}/snapshot.db`;
  await save(etcd, path);
  const cases = [
    [["--snapshot", path, "--expect-key-id", "k1"], 0, /^$/],
    [["--snapshot", path, "--expect-key-id", "k2"], 1, /^$/],
    [["--snapshot", path, "--etcd", "https://127.0.0.1:1"], 64, /exclude each other/],
    [["--etcd", "127.0.0.1:1"], 64, /as in https/],
    [["--etcd", "http://127.0.0.1:1", "--freed"], 64, /--freed needs --snapshot/],
    [["--snapshot", path, "--etcd-prefix", "registry"], 64, /begins with a slash/],
    [["--snapshot", path, "--etcd-prefix", "/registry/"], 0, /^$/],
    [
      ["--snapshot", path, "--etcd-prefix", "/reg", "--expect-key-id", "k1"],
      78,
      /has no object below \/reg\/: compare/,
    ],
    [["--etcd", "http://127.0.0.1:1"], 69, /Cannot read the objects in etcd/],
    [["--snapshot", `${path}.absent`], 78, /there is no such file/],
    [["--snapshot", path, "--encryption-config", `${path}.absent`], 78, /there is no such file/],
  ] as const;
  for (const [words, status, sentence] of cases) {
    const done = await verified(...words);
    equal(done.status, status, done.err);
    match(done.err, sentence);
  }
  const bytes = await Deno.readFile(path);
  bytes[9000] = (bytes[9000] ?? 0) ^ 1;
  await Deno.writeFile(path, bytes);
  const damaged = await verified("--snapshot", path);
  equal(damaged.status, 65);
  match(
    damaged.err,
    /^trousseau: .* SHA-256 .*; take another copy\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
});

Deno.test("verify() counts the resources of an EncryptionConfiguration, and names providers without a value", async () => {
  await using etcd = await startCluster();
  await fill(etcd);
  const path = `${etcd.folder}/snapshot.db`;
  await save(etcd, path);
  const file = `${etcd.folder}/ec.yaml`;
  await Deno.writeTextFile(
    file,
    `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: [secrets, "*.apps"]
    providers:
      - kms: {name: p, endpoint: "unix:///run/p.sock", apiVersion: v2}
      - kms: {name: vault-old, endpoint: "unix:///run/o.sock", apiVersion: v2}
  - resources: [configmaps]
    providers:
      - identity: {}
`,
  );
  const { out, status } = await verified("--snapshot", path, "--encryption-config", file);
  equal(status, 0);
  match(out, /configmaps +identity +- +- +- +30 /);
  match(out, /provider "vault-old" encrypts 0 objects\./);
});
