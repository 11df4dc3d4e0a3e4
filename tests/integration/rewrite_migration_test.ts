/**
 * The count of `trousseau rewrite --by migration --etcd` in a real etcd, behind a double of kube-apiserver.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { base64, concat, utf8 } from "../../lib/base/bytes.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { type EtcdCluster, startCluster } from "../support/etcd.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { MigrationDouble } from "../support/migration_double.ts";
import { onRewriteStage } from "../support/rewrite_stage.ts";

/** Stores a value that begins as one of KMS v2. */
async function put(etcd: EtcdCluster, path: string, keyId: string): Promise<void> {
  const value = concat(utf8("k8s:enc:kms:v2:p:"), Uint8Array.of(0x12, keyId.length), utf8(keyId));
  await etcd.api("/v3/kv/put", { key: base64(utf8(`/registry/${path}`)), value: base64(value) });
}

const verbs = ["create", "list", "patch"];
const discovered = { resources: ["events", "secrets"].map((name) => ({ name, namespaced: true, verbs })) };

Deno.test("rewrite --by migration --etcd counts the resources that it migrates, without events", () =>
  onRewriteStage(async ({ double, ran }) => {
    await using etcd = await startCluster();
    const migrations = new MigrationDouble(double);
    migrations.fault = ({ path }) => path === "/api/v1" ? { status: 200, body: discovered } : undefined;
    const { caFile = "", certificateFile = "", keyFile = "" } = etcd.settings.tls;
    const pair = ["--cacert", caFile, "--cert", certificateFile, "--key", keyFile];
    const address = ["--etcd", etcd.settings.endpoints.join(","), ...pair, "--expect-key-id", "t1-new"];
    const migrated = (...more: string[]) =>
      ran("--resources", "events,secrets", "--by", "migration", ...address, ...more);
    await put(etcd, "events/a/one", "t1-old");
    await put(etcd, "secrets/a/one", "t1-new");
    const all = await migrated();
    equal(all.status, 0, all.out + all.err);
    match(all.out, /^events are left out, /);
    match(all.out, /: every object in scope is under key ID t1-new\.$/m);
    deepEqual(migrations.removed, ["trousseau-rewrite-secrets"]);

    await put(etcd, "secrets/a/two", "t1-old");
    const one = await migrated();
    equal(one.status, 1);
    match(one.out, /: 1 object in scope is not under key ID t1-new\.$/m);
    const terminal = fakeTerminal();
    equal(await run(["verify", ...address, "--resources", "secrets"], trousseau, terminal), 1);
    match(terminal.out(), /: 1 object in scope is not under key ID t1-new\.$/m);
    await put(etcd, "secrets/a/three", "t1-old");
    match((await migrated()).out, /: 2 objects in scope are not under key ID t1-new\.$/m);
    equal(JSON.parse((await migrated("--json")).out).counted.stale, 2);
  }));
