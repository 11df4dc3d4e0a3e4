import { deepEqual, equal, match, ok } from "node:assert/strict";
import { statusAnswer } from "../../../tests/support/api_server_double.ts";
import { MigrationDouble } from "../../../tests/support/migration_double.ts";
import { onRewriteStage } from "../../../tests/support/rewrite_stage.ts";
import { migrationsText } from "./rewrite_messages.ts";

const byMigration = ["--by", "migration", "--expect-key-id", "t1-new"];
const both = ["--resources", "secrets,configmaps", ...byMigration];

/** Has the API server list events too. */
function withEvents(migrations: MigrationDouble): MigrationDouble {
  const resources = ["configmaps", "events", "secrets"].map((name) => {
    return { name, namespaced: true, verbs: ["create", "list", "patch"] };
  });
  migrations.fault = ({ path }) => path === "/api/v1" ? { status: 200, body: { resources } } : undefined;
  return migrations;
}

Deno.test("rewrite --by migration makes migrations and removes them, sends no patch, and lists no object", () =>
  onRewriteStage(async ({ double, ran }) => {
    const migrations = new MigrationDouble(double);
    const { status, out, err } = await ran(...both);
    equal(status, 0, err);
    match(out, /^secrets +trousseau-rewrite-secrets +succeeded$/m);
    match(out, /made under key ID t1-new; trousseau verify proves it\.\nThe old values stay in etcd until/);
    deepEqual([migrations.stored.size, migrations.removed.length], [0, 2]);
    const touched = double.requests.filter(({ method, path }) => method === "PATCH" || /secrets|configmaps/.test(path));
    equal(touched.filter(({ path }) => path.startsWith("/api/")).length, 0);
  }));

Deno.test("rewrite --by migration creates nothing while an API server is behind: such a migration would change nothing", () =>
  onRewriteStage(async ({ double, ran }) => {
    const migrations = new MigrationDouble(double);
    double.keyId = "t1-old";
    const { status, err } = await ran(...both, "--timeout", "1ms");
    equal(status, 69);
    match(err, /the newest Status of apiserver-one \(node-0\) does not have key ID t1-new/);
    deepEqual([migrations.stored.size, double.requests.some(({ method }) => method === "POST")], [0, false]);
  }));

Deno.test("rewrite --by migration ends with 1 after failures, and its document has each of them", () =>
  onRewriteStage(async ({ double, ran }) => {
    const migrations = new MigrationDouble(double);
    migrations.controller = (migration, name) => {
      if (name.endsWith("configmaps")) migrations.stored.delete(name);
      else migration.conditions = [{ type: "Failed", message: "denied \u001b[31m" }];
    };
    migrations.fault = ({ method }) => {
      if (method !== "DELETE") return undefined;
      double.keyId = "t1-newest";
      return statusAnswer(403, "may not delete");
    };
    const { status, out } = await ran(...both, "--etcd", "http://127.0.0.1:1", "--json");
    equal(status, 1);
    const { by, dryRun, keyId, resumed, migrations: rows, apiServers, counted, conclusions } = JSON.parse(out);
    deepEqual([by, dryRun, keyId, resumed], ["migration", false, "t1-new", false]);
    deepEqual(rows, [
      { resource: "secrets", name: "trousseau-rewrite-secrets", state: "failed", message: "denied \u001b[31m" },
      {
        resource: "configmaps",
        name: "trousseau-rewrite-configmaps",
        state: "deleted",
        message: "it was deleted before its end",
      },
    ]);
    deepEqual(apiServers, [{ name: "apiserver-one", state: "behind", host: "node-0" }]);
    deepEqual(counted, { source: "etcd at http://127.0.0.1:1", revision: null, stale: null });
    const [failed, deleted, advice, look, kept, uncounted] = conclusions;
    equal(failed, "The migration of secrets failed: denied \u001b[31m");
    equal(deleted, "The migration of configmaps did not end: it was deleted before its end");
    match(advice, /^Correct the causes and run the command again/);
    equal(look, "API server apiserver-one (node-0) reports another key ID now: run the command again.");
    equal(kept, "The migration trousseau-rewrite-secrets has ended and was not removed: may not delete");
    match(uncounted, /^The objects were not counted; trousseau verify proves the result\. .*127\.0\.0\.1:1/);
  }));

Deno.test("rewrite --by migration leaves out events, which no migration can write, with a note", () =>
  onRewriteStage(async ({ double, ran }) => {
    withEvents(new MigrationDouble(double));
    const { status, out } = await ran("--resources", "events,secrets", "--by", "migration", "--dry-run");
    equal(status, 0);
    match(out, /^events are left out, .*\nMigrations would be created for secrets\.$/m);
  }));

Deno.test("rewrite --by migration ends with 78 where no migrations are served, and names the gate", () =>
  onRewriteStage(async ({ double, ran }) => {
    const migrations = new MigrationDouble(double);
    migrations.version = undefined;
    const { status, err } = await ran(...both);
    equal(status, 78);
    match(err, /serves no StorageVersionMigration .*--feature-gates=StorageVersionMigrator=true.*leave out --by/);
  }));

Deno.test("rewrite --by migration --dry-run names the resources, and creates nothing", () =>
  onRewriteStage(async ({ double, ran }) => {
    const migrations = new MigrationDouble(double);
    const { status, out } = await ran("--resources", "secrets,configmaps", "--by", "migration", "--dry-run");
    equal(status, 0);
    match(out, /^Migrations would be created for secrets, configmaps\.\nNothing was changed\.$/m);
    const document = await ran("--resources", "secrets", "--by", "migration", "--dry-run", "--json");
    deepEqual(JSON.parse(document.out).resources, [{ resource: "secrets" }]);
    equal(migrations.stored.size, 0);
  }));

const wrong: readonly (readonly [words: readonly string[], status: number, sentence: RegExp])[] = [
  [["--by", "hand"], 64, /--by/],
  [[...both, "--local-only"], 64, /kube-controller-manager writes through any API server/],
  [[...both, "--rate", "5"], 64, /--rate and --by migration exclude each other/],
  [[...both, "--migration-timeout", "soon"], 64, /--migration-timeout is a duration/],
  [[...both, "--etcd", "nowhere"], 64, /--etcd is a list of addresses/],
  [["--resources", "secrets", "--etcd", "http://127.0.0.1:1"], 64, /--etcd belongs to --by migration/],
  [[...both, "--kms-version", "v1beta1"], 78, /Over KMS v1 no object is stale/],
  [["--resources", "events", ...byMigration], 78, /no migration can write them; leave out --by/],
  [["--resources", "secrets", "--by", "migration"], 64, /Name the announced key ID/],
];

for (const [words, status, sentence] of wrong) {
  Deno.test(`rewrite ${words.join(" ")} ends with ${status}`, () =>
    onRewriteStage(async ({ double, ran }) => {
      const migrations = withEvents(new MigrationDouble(double));
      const { status: found, err } = await ran(...words);
      equal(found, status, err);
      match(err, sentence);
      ok(migrations.stored.size === 0 && !double.requests.some(({ method }) => method === "PATCH"));
    }));
}

Deno.test("migrationsText() tells which migrations run and wait", () => {
  const one = { resource: "secrets", name: "a", uid: "u", message: "" };
  const others = [{ ...one, resource: "configmaps" }, { ...one, resource: "events" }];
  equal(
    migrationsText([
      { ...one, state: "failed" },
      ...others.map((other) => ({ ...other, state: "running" as const })),
      { ...one, state: "waiting" },
    ]),
    "1 of 4 migrations have ended, running: configmaps, events, waiting: secrets",
  );
});
