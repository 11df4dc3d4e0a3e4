import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { ApiServerDouble, type DoubleAnswer, statusAnswer } from "../../../tests/support/api_server_double.ts";
import { MigrationDouble } from "../../../tests/support/migration_double.ts";
import { systemClock } from "../../base/clock.ts";
import { ApiServerClient } from "../apiserver/api_server_client.ts";
import { MigrationRequests, servedMigrationVersion } from "./migration_requests.ts";
import { type MigrationOptions, MigrationRun } from "./migration_run.ts";
import { keyLabelOf } from "./storage_migration.ts";

const verbs = ["list", "patch"];
const secrets = { group: "", version: "v1", name: "secrets", namespaced: true, verbs };
const deployments = { group: "apps", version: "v1", name: "deployments", namespaced: true, verbs };

const own = { "app.kubernetes.io/managed-by": "trousseau-rewrite", "rewrite.trousseau/key-id": keyLabelOf("t1-new") };
const earlier = { ...own, "rewrite.trousseau/key-id": keyLabelOf("t1-old") };

interface Stage {
  readonly migrations: MigrationDouble;
  readonly options: MigrationOptions;
  /** Milliseconds that the clock has advanced by pauses. */
  readonly slept: () => number;
}

/** A run against doubles, with a clock that only its pauses advance. */
async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await using double = await ApiServerDouble.open();
  using client = await ApiServerClient.open(double.access, "rewrite the objects");
  const migrations = new MigrationDouble(double);
  let slept = 0;
  const clock = {
    ...systemClock,
    now: () => slept,
    sleep: (ms: number) => {
      slept += ms;
      return new Promise<void>((resolve) => setTimeout(resolve, 0));
    },
  };
  const call = { client, clock, signal: new AbortController().signal, action: "rewrite the objects" };
  const requests = new MigrationRequests(call, await servedMigrationVersion(call));
  const times = { within: 600_000, begin: 90_000, every: 10_000 };
  const options = { ...call, requests, resources: [secrets, deployments], keyId: "t1-new", times };
  await work({ migrations, options, slept: () => slept });
}

async function ran(options: MigrationOptions): Promise<readonly (readonly [string, string])[]> {
  const run = await MigrationRun.begin(options);
  await run.watch();
  deepEqual(await run.tidy(), []);
  return run.migrations.map(({ resource, state }) => [resource, state]);
}

Deno.test("MigrationRun makes one migration for each resource, watches it to its end and removes it", () =>
  onStage(async ({ migrations, options }) => {
    const looks: string[][] = [];
    const run = await MigrationRun.begin({
      ...options,
      onLook: (all) => void looks.push(all.map(({ state }) => state)),
    });
    const [[name, made] = []] = migrations.stored;
    equal(name, "trousseau-rewrite-secrets");
    deepEqual([made?.resource, made?.labels], [{ group: "", resource: "secrets" }, own]);
    deepEqual(migrations.stored.get("trousseau-rewrite-deployments.apps")?.resource, {
      group: "apps",
      resource: "deployments",
    });
    await run.watch();
    deepEqual(looks, [["running", "running"], ["succeeded", "succeeded"]]);
    deepEqual(await run.tidy(), []);
    equal(run.isResumed, false);
    equal(migrations.stored.size, 0);
  }));

Deno.test("MigrationRun.begin() makes a migration anew that was finished before, and goes on with one that was not", () =>
  onStage(async ({ migrations, options }) => {
    migrations.put("trousseau-rewrite-secrets", "secrets", own, "Succeeded");
    migrations.put("trousseau-rewrite-configmaps", "configmaps", earlier);
    const run = await MigrationRun.begin(options);
    deepEqual([run.isResumed, migrations.removed], [false, [
      "trousseau-rewrite-secrets",
      "trousseau-rewrite-configmaps",
    ]]);
    const uids = run.migrations.map(({ uid }) => uid);
    const again = await MigrationRun.begin(options);
    deepEqual([again.isResumed, again.migrations.map(({ uid }) => uid)], [true, uids]);
    await again.watch();
    await again.tidy();
    equal(migrations.stored.size, 0);
  }));

Deno.test("MigrationRun leaves migrations of others alone, and refuses one that has its name", () =>
  onStage(async ({ migrations, options }) => {
    migrations.put("by-hand", "secrets", {}, "Succeeded");
    migrations.put("theirs", "secrets", { "app.kubernetes.io/managed-by": "Helm" }, "Failed");
    deepEqual(await ran(options), [["secrets", "succeeded"], ["deployments.apps", "succeeded"]]);
    deepEqual([...migrations.stored.keys()], ["by-hand", "theirs"]);
    for (const labels of [{}, { "rewrite.trousseau/key-id": keyLabelOf("t1-new") }]) {
      migrations.put("trousseau-rewrite-secrets", "secrets", labels);
      await rejects(MigrationRun.begin(options), { code: "config", message: /trousseau-rewrite-secrets has the name/ });
    }
    migrations.put("trousseau-rewrite-secrets", "configmaps", own);
    await rejects(MigrationRun.begin(options), { code: "config", message: /is not its own; remove it\.$/ });
    equal(migrations.removed.includes("by-hand"), false);
  }));

Deno.test("MigrationRun takes a migration that exists although its creation was not answered", () =>
  onStage(async ({ migrations, options }) => {
    let lost = 1;
    migrations.fault = ({ method, body }) => {
      if (method !== "POST" || lost-- <= 0) return undefined;
      const { metadata: { name, labels }, spec } = body as {
        metadata: { name: string; labels: Record<string, string> };
        spec: { resource: { resource: string } };
      };
      migrations.put(name, spec.resource.resource, labels);
      return "reset";
    };
    deepEqual(await ran({ ...options, resources: [secrets] }), [["secrets", "succeeded"]]);
  }));

Deno.test("MigrationRun.watch() tells of a migration that fails, with its message cut before a value, and of others' success", () =>
  onStage(async ({ migrations, options }) => {
    const message = 'migration encountered unhandled error: Secret "a" is invalid: data: Invalid value: "hunter2": no';
    migrations.controller = (migration) => {
      const isSecret = migration.resource.resource === "secrets";
      migration.conditions = [{ type: isSecret ? "Failed" : "Succeeded", message: isSecret ? message : "" }];
    };
    const run = await MigrationRun.begin(options);
    await run.watch();
    deepEqual(run.migrations.map(({ state }) => state), ["failed", "succeeded"]);
    match(run.migrations[0]?.message ?? "", /^migration encountered .* Invalid value …$/);
    await run.tidy();
    equal(migrations.stored.size, 0);
  }));

Deno.test("MigrationRun.watch() tells of a migration that is deleted under way, and of one that was made anew", () =>
  onStage(async ({ migrations, options }) => {
    for (const anew of [false, true]) {
      const run = await MigrationRun.begin({ ...options, resources: [secrets] });
      migrations.stored.clear();
      if (anew) migrations.put("trousseau-rewrite-secrets", "secrets", own);
      await run.watch();
      deepEqual(run.migrations.map(({ state, message }) => [state, message]), [[
        "deleted",
        "it was deleted before its end",
      ]]);
      migrations.stored.clear();
    }
  }));

Deno.test("MigrationRun.watch() ends if no controller begins, but waits for another migration of the resource", () =>
  onStage(async ({ migrations, options, slept }) => {
    migrations.controller = () => {};
    const idle = await MigrationRun.begin(options);
    await rejects(idle.watch(), {
      code: "unreachable",
      message: /^No controller has begun with the migrations of secrets, deployments\.apps: .* must run/,
    });
    equal(slept(), 90_000);
    equal(migrations.stored.size, 2, "they stay for the next run");
    migrations.stored.clear();
    const one = { ...options, resources: [secrets] };
    migrations.put("by-hand", "secrets", {}, "Running");
    const occupied = await MigrationRun.begin(one);
    await rejects(occupied.watch(), { code: "deadline_exceeded", message: /of secrets have not ended within 600 s/ });
    migrations.stored.delete("by-hand");
    migrations.put("by-hand", "secrets", {});
    const unbegun = await MigrationRun.begin(one);
    await rejects(unbegun.watch(), { code: "unreachable" });
  }));

Deno.test("MigrationRun.watch() ends at its deadline and at the signal, and the next run goes on", () =>
  onStage(async ({ migrations, options, slept }) => {
    migrations.controller = (migration) => migration.conditions = [{ type: "Running", message: "" }];
    const run = await MigrationRun.begin(options);
    await rejects(run.watch(), { code: "deadline_exceeded", message: /of secrets, deployments\.apps have not ended/ });
    equal(slept(), 600_000);
    const stop = new AbortController();
    const ended = await MigrationRun.begin({ ...options, signal: stop.signal, onLook: () => stop.abort() });
    equal(ended.isResumed, true);
    await rejects(ended.watch(), { code: "cancelled" });
    equal(migrations.stored.size, 2);
  }));

const refusals: readonly (readonly [answer: DoubleAnswer | "reset", method: string, code: string, says: RegExp])[] = [
  [statusAnswer(403, "no"), "POST", "permission_denied", /forbids \/apis\/storagemigration\.k8s\.io\/v1beta1\//],
  [statusAnswer(403, "no"), "GET", "permission_denied", /forbids/],
  [statusAnswer(401, "no"), "POST", "unauthenticated", /does not accept the credentials/],
  [statusAnswer(422, "denied by policy"), "POST", "provider_protocol", /the migration of secrets: denied by policy$/],
  [{ status: 201, body: { kind: "Status" } }, "POST", "provider_protocol", /did not answer the migration/],
  [{ status: 200, body: { kind: "Status" } }, "GET", "provider_protocol", /did not answer a list of migrations/],
  [{ status: 200, body: { items: [{ metadata: {} }] } }, "GET", "provider_protocol", /a list of migrations/],
  [statusAnswer(409, "no"), "POST", "provider_protocol", /answers 409 to the migration .*, and lists none/],
  [statusAnswer(503, "starting"), "GET", "unreachable", /answered 503/],
  ["reset", "GET", "unreachable", /the API server at https:\/\/localhost/],
];

for (const [answer, method, code, says] of refusals) {
  const what = answer === "reset" ? answer : answer.status;
  Deno.test(`MigrationRun.begin() ends with ${code} after ${what} to ${method}: ${says.source}`, () =>
    onStage(async ({ migrations, options }) => {
      migrations.fault = (request) => request.method === method ? answer : undefined;
      await rejects(MigrationRun.begin(options), { code, message: says });
    }));
}

Deno.test("MigrationRun.watch() ends with unreachable if the API server goes away, and goes on after a short outage", () =>
  onStage(async ({ migrations, options }) => {
    const run = await MigrationRun.begin(options);
    let away = 3;
    migrations.fault = () => away-- > 0 ? "reset" : undefined;
    await run.watch();
    const other = await MigrationRun.begin(options);
    migrations.fault = () => "reset";
    await rejects(other.watch(), { code: "unreachable" });
  }));

Deno.test("MigrationRun says which migrations it may not remove", () =>
  onStage(async ({ migrations, options }) => {
    const run = await MigrationRun.begin({ ...options, resources: [secrets] });
    await run.watch();
    migrations.fault = ({ method }) => method === "DELETE" ? statusAnswer(403, "may not delete") : undefined;
    deepEqual(await run.tidy(), [
      "The migration trousseau-rewrite-secrets has ended and was not removed: may not delete",
    ]);
    await rejects(MigrationRun.begin(options), {
      code: "permission_denied",
      message: /was not removed: may not delete$/,
    });
  }));

Deno.test("servedMigrationVersion() prefers v1, and names the gate where no known version is served", async () => {
  await using double = await ApiServerDouble.open();
  using client = await ApiServerClient.open(double.access, "rewrite the objects");
  const migrations = new MigrationDouble(double);
  const call = { client, clock: systemClock, signal: new AbortController().signal, action: "rewrite the objects" };
  for (const version of ["v1", "v1beta1"]) {
    migrations.version = version;
    equal(await servedMigrationVersion(call), version);
  }
  for (const version of ["v1alpha1", undefined]) {
    migrations.version = version;
    await rejects(servedMigrationVersion(call), {
      code: "config",
      message:
        /--feature-gates=StorageVersionMigrator=true, .*--runtime-config=storagemigration\.k8s\.io\/v1beta1=true/,
    });
  }
  migrations.version = "v1";
  migrations.fault = ({ path }) => path.endsWith("/v1") ? statusAnswer(403, "no") : undefined;
  await rejects(servedMigrationVersion(call), { code: "unreachable", message: /does not list its resources\.$/ });
});
