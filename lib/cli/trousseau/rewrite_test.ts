import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type DoubleFault, statusAnswer } from "../../../tests/support/api_server_double.ts";
import { onRewriteStage as onStage } from "../../../tests/support/rewrite_stage.ts";
import { progressText } from "./rewrite_messages.ts";

const kmsV1 = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers: [{ kms: { apiVersion: v1, name: trousseau, endpoint: "unix:///run/kms.sock" } }, { identity: {} }]
  - resources: [configmaps]
    providers: [{ identity: {} }]
  - resources: [widgets.example.com]
    providers: [{ kms: { apiVersion: v1, name: other, endpoint: "unix:///run/o.sock" } }]
`;

const settled = ["--expect-key-id", "t1-new", "--rate", "10000"];

Deno.test("rewrite prints the counts, the key ID and what remains, and ends with 0", () =>
  onStage(async ({ double, ran }) => {
    const { status, out, err } = await ran("--resources", "secrets,configmaps", ...settled);
    equal(status, 0, err);
    match(out, /^secrets +5 +5 +0 +0$/m);
    match(out, /^configmaps +1 +1 +0 +0$/m);
    match(out, /written under key ID t1-new; trousseau verify proves it\.\nThe old values stay in etcd until/);
    deepEqual(double.stale, []);
    const { status: again, out: document } = await ran("--resources", "secrets", ...settled, "--json");
    equal(again, 0);
    const { resources, apiServers, dryRun, kmsVersion, resumed, refusals } = JSON.parse(document);
    deepEqual(resources, [{ resource: "secrets", objects: 5, written: 0, gone: 0, refused: 0 }]);
    deepEqual(apiServers, [{ name: "apiserver-one", state: "ready", host: "node-0" }]);
    deepEqual([dryRun, kmsVersion, resumed, refusals], [false, "v2", false, []]);
  }));

Deno.test("rewrite --dry-run counts, sends no patch and needs no key ID", () =>
  onStage(async ({ double, ran }) => {
    const { status, out } = await ran("--resources", "secrets", "--dry-run");
    equal(status, 0);
    match(out, /^secrets +5 +-$/m);
    match(out, /Nothing was changed\.\n$/);
    double.fault = ({ path }) => path === "/api/v1/namespaces/b/secrets" ? statusAnswer(403, "no") : undefined;
    const refused = await ran("--resources", "secrets", "--dry-run", "--json");
    equal(refused.status, 1);
    deepEqual(JSON.parse(refused.out).resources, [{ resource: "secrets", objects: 3, unlisted: ["b"] }]);
    equal(double.requests.some(({ method }) => method === "PATCH"), false);
  }));

Deno.test("rewrite counts a refusal with name, namespace and sentence, and ends with 1", () =>
  onStage(async ({ double, ran }) => {
    double.fault = ({ method, path }) => {
      if (path === "/api/v1/namespaces/a/secrets") return statusAnswer(403, "secrets is forbidden: \u001b[31m");
      return method === "PATCH" && path.endsWith("/b/secrets/two") ? statusAnswer(422, "denied by policy") : undefined;
    };
    const { status, out } = await ran("--resources", "secrets", ...settled);
    equal(status, 1);
    match(out, /^secrets in namespace a: secrets is forbidden: \ufffd\[31m$/m);
    match(out, /^secrets two in namespace b: denied by policy$/m);
    match(out, /^2 objects or namespaces were refused; correct the causes/m);
    double.fault = ({ path }) => path.endsWith("/b/secrets/two") ? statusAnswer(422, "denied by policy") : undefined;
    match((await ran("--resources", "secrets", ...settled)).out, /^1 object or namespace was refused; correct/m);
    deepEqual(double.stale.filter((id) => id.startsWith("secrets/b/")), ["secrets/b/two"]);
  }));

Deno.test("rewrite ends with 69 and changes nothing while an API server is behind or not seen, and names it", () =>
  onStage(async ({ double, ran }) => {
    double.keyId = "t1-old";
    const behind = await ran("--resources", "secrets", ...settled, "--timeout", "1ms");
    equal(behind.status, 69);
    match(behind.err, /the newest Status of apiserver-one \(node-0\) does not have key ID t1-new/);
    double.keyId = "t1-new";
    double.leases = ["apiserver-one", "apiserver-two"];
    const unseen = await ran("--resources", "secrets", ...settled, "--apiservers", "https://127.0.0.1:1");
    equal(unseen.status, 69);
    match(unseen.err, /1 of 2 API servers were not seen: apiserver-two \(node-1\); name them by --apiservers/);
    match(unseen.err, /the API server at https:\/\/127\.0\.0\.1:1 /);
    double.fault = ({ path }) => path === "/metrics" ? { status: 200, body: "" } : undefined;
    const silent = await ran("--resources", "secrets", ...settled, "--timeout", "1ms", "--local-only");
    equal(silent.status, 69);
    equal(double.requests.some(({ method }) => method === "PATCH"), false);
  }));

Deno.test("rewrite repeats --assume-ready and --local-only in its last line", () =>
  onStage(async ({ double, ran }) => {
    double.leases = ["apiserver-one", "apiserver-two"];
    const assumed = await ran("--resources", "secrets", ...settled, "--assume-ready", "1");
    equal(assumed.status, 0);
    match(assumed.out, /\n1 API server was taken as ready by --assume-ready, and not seen\.\n$/);
    const local = await ran("--resources", "secrets", ...settled, "--local-only");
    equal(local.status, 0);
    match(
      local.out,
      /\nOnly the API server at https:\/\/localhost:\d+ was counted: run .* each control plane node\.\n$/,
    );
  }));

Deno.test("rewrite looks again at the end, and ends with 1 if an API server has another key ID then", () =>
  onStage(async ({ double, ran }) => {
    double.fault = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/b/secrets/two")) double.keyId = "t1-newest";
      return undefined;
    };
    const { status, out } = await ran("--resources", "secrets", ...settled);
    equal(status, 1);
    match(out, /^API server apiserver-one \(node-0\) reports another key ID now: run the command again\.$/m);
  }));

Deno.test("rewrite reports its counts, and ends with 1, if the API servers cannot be looked at again", () =>
  onStage(async ({ double, ran }) => {
    let isDone = false;
    double.fault = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/b/secrets/two")) isDone = true;
      return isDone && path.endsWith("/leases") ? statusAnswer(403, "no") : undefined;
    };
    const { status, out } = await ran("--resources", "secrets", ...settled);
    equal(status, 1);
    match(out, /^secrets +5 +5 +0 +0$/m);
    match(out, /^Cannot look at the API servers: .* forbids \/apis\/coordination/m);
  }));

Deno.test("rewrite takes KMS v1, the resources and their notes from the EncryptionConfiguration", () =>
  onStage(async ({ double, folder, ran }) => {
    await Deno.writeTextFile(`${folder}/encryption.yaml`, kmsV1);
    double.storesAlways = true;
    double.fault = ({ path }) => path === "/apis" ? { status: 200, body: { groups: [] } } : undefined;
    const { status, out, err } = await ran("--encryption-config", `${folder}/encryption.yaml`, "--rate", "10000");
    equal(status, 0, err);
    match(out, /^configmaps would be stored in plain text, and are left out\.$/m);
    match(out, /^The cluster stores no resource "widgets\.example\.com", and it is left out\.$/m);
    match(out, /^Over KMS v1 the plugin encrypts each write, and the API servers were not asked\.$/m);
    deepEqual([double.stale, double.annotated], [["configmaps/b/settings"], []]);
    equal(double.requests.some(({ path }) => path === "/metrics"), false);
  }));

/** A list of an EncryptionConfiguration by names, and the version of the KMS API that writes; `plain`: identity. */
type List = readonly [names: string, writes: "v1" | "v2" | "plain"];

function configured(...lists: readonly List[]): string {
  const kms = (apiVersion: string, at: number) =>
    `{ kms: { apiVersion: ${apiVersion}, name: k${at}, endpoint: "unix:///k${at}" } }`;
  const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n";
  return head +
    lists.map(([names, writes], at) =>
      `  - resources: [${names}]\n    providers: [${
        writes === "plain" ? "" : `${kms(writes, at)}, `
      }{ identity: {} }]\n`
    ).join("");
}

const noGroups = { status: 200, body: { groups: [] } };

const optedOut: readonly (readonly [lists: readonly List[], patched: readonly string[]])[] = [
  [[["configmaps", "plain"], ["'*.*'", "v2"]], ["secrets"]],
  [[["configmaps", "plain"], ["'*.'", "v2"]], ["secrets"]],
  [[["secrets", "v2"], ["'*.*'", "plain"]], ["secrets"]],
  [[["secrets", "v2"], ["secrets", "plain"], ["configmaps", "plain"]], ["secrets"]],
];

for (const [lists, patched] of optedOut) {
  Deno.test(`rewrite leaves out a resource whose first list begins with identity: ${JSON.stringify(lists)}`, () =>
    onStage(async ({ double, folder, ran }) => {
      await Deno.writeTextFile(`${folder}/encryption.yaml`, configured(...lists));
      double.fault = ({ path }) => path === "/apis" ? noGroups : undefined;
      const { status, out, err } = await ran("--encryption-config", `${folder}/encryption.yaml`, "--dry-run");
      equal(status, 0, err);
      deepEqual(out.match(/^(secrets|configmaps) +\d/gm)?.map((row) => row.split(" ")[0]), patched);
      match(out, /would be stored in plain text, and are left out\.$/m);
      ok(!/secrets.* would be stored in plain text/.test(out), out);
    }));
}

Deno.test("rewrite takes the KMS version from the lists that write the resources of the cluster", () =>
  onStage(async ({ double, folder, ran }) => {
    const lists = configured(["secrets", "v2"], ["widgets.example.com", "v1"]);
    await Deno.writeTextFile(`${folder}/encryption.yaml`, lists);
    double.fault = ({ path }) => path === "/apis" ? noGroups : undefined;
    const { status, out, err } = await ran("--encryption-config", `${folder}/encryption.yaml`, "--dry-run", "--json");
    equal(status, 0, err);
    equal(JSON.parse(out).kmsVersion, "v2");
  }));

/** `/apis` with two groups, of which one has no server. */
const halfDown: DoubleFault = ({ path }) => {
  const groups = ["metrics.k8s.io/v1beta1", "gone.example.com/v1"];
  const body = { groups: groups.map((groupVersion) => ({ versions: [{ groupVersion }] })) };
  if (path === "/apis") return { status: 200, body };
  return path === "/apis/metrics.k8s.io/v1beta1" ? statusAnswer(403, "no endpoints available") : undefined;
};

const silentGroups: readonly (readonly [lists: readonly List[], status: number, note: RegExp | undefined])[] = [
  [[["'*.*'", "v2"]], 1, /^API group metrics\.k8s\.io does not list its resources, so that they are left out;/m],
  [[["secrets", "v2"], ["pods.metrics.k8s.io", "v2"]], 1, /^API group metrics\.k8s\.io does not list its resources/m],
  [[["'*.metrics.k8s.io'", "plain"], ["'*.*'", "v2"]], 0, undefined],
];

for (const [lists, expected, note] of silentGroups) {
  Deno.test(`rewrite ends with ${expected} if a group does not list its resources: ${JSON.stringify(lists)}`, () =>
    onStage(async ({ double, folder, ran }) => {
      await Deno.writeTextFile(`${folder}/encryption.yaml`, configured(...lists));
      double.fault = halfDown;
      const { status, out, err } = await ran("--encryption-config", `${folder}/encryption.yaml`, "--dry-run");
      equal(status, expected, err);
      match(out, note ?? /^secrets +5/m);
      equal(/does not list|stores no resource/.test(out.replace(note ?? "", "")), false, out);
    }));
}

/** `/apis` with a custom resource in two namespaces, and its Table. */
const widgets: DoubleFault = ({ path, query }) => {
  const [group, columns] = ["example.com", ["Name", "Token"]];
  if (path === "/apis") return { status: 200, body: { groups: [{ versions: [{ groupVersion: `${group}/v1` }] }] } };
  const verbs = ["create", "list", "patch"];
  const resources = [{ name: "widgets", namespaced: true, verbs }];
  if (path === `/apis/${group}/v1`) return { status: 200, body: { resources } };
  if (!path.startsWith(`/apis/${group}/`)) return undefined;
  if (path.includes("/a/")) return statusAnswer(403, "no");
  const rows = query.has("fieldSelector") ? [] : [{ cells: ["one", "hunter2"] }];
  const columnDefinitions = columns.map((name) => ({ name, type: "string", format: name === "Name" ? "name" : "" }));
  return { status: 200, body: { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: {}, columnDefinitions, rows } };
};

Deno.test("rewrite says which columns of custom resources come with the names, and asks for them before any row", () =>
  onStage(async ({ double, ran }) => {
    double.fault = widgets;
    const { status, out } = await ran("--resources", "secrets,widgets.example.com", "--dry-run");
    equal(status, 1, "the namespace a is not listed");
    const notes = out.split("\n").filter((line) => line.startsWith("Answers about"));
    deepEqual(notes, [
      "Answers about widgets.example.com have its printer columns Token beside the names; --by migration asks for none.",
    ]);
    equal(out.includes("hunter2"), false);
    const asked = double.requests.filter(({ path }) => path.endsWith("/b/widgets")).map(({ query }) => query);
    deepEqual(asked.map((query) => query.get("fieldSelector")), ["metadata.name=_", null]);
  }));

Deno.test("rewrite rewrites the other groups, and asks a group again that was busy", () =>
  onStage(async ({ double, folder, ran }) => {
    await Deno.writeTextFile(`${folder}/encryption.yaml`, configured(["'*.*'", "v2"]));
    double.fault = halfDown;
    const { status, out } = await ran("--encryption-config", `${folder}/encryption.yaml`, ...settled);
    deepEqual([status, double.stale], [1, []], out);
    let refused = 2;
    double.fault = (request) => {
      if (request.path !== "/apis/metrics.k8s.io/v1beta1") return halfDown(request);
      return refused-- > 0 ? statusAnswer(429, "busy") : { status: 200, body: { resources: [] } };
    };
    equal((await ran("--encryption-config", `${folder}/encryption.yaml`, "--dry-run")).status, 0);
  }));

Deno.test("rewrite asks an address once that refuses connections", () =>
  onStage(async ({ folder, ran }) => {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let connections = 0;
    const served = (async () => {
      for await (const connection of server) {
        connections++;
        connection.close();
      }
    })();
    const config = (await Deno.readTextFile(`${folder}/config`)).replace(
      /https:[^"]+/,
      `https://127.0.0.1:${server.addr.port}`,
    );
    await Deno.writeTextFile(`${folder}/config`, config);
    const { status } = await ran("--resources", "secrets", ...settled);
    equal(status, 69);
    server.close();
    await served;
    // The connection of a request is opened again where its loss may have been that of an idle one.
    ok(connections <= 3, `${connections}`);
  }));

const wrong: readonly (readonly [words: readonly string[], status: number, sentence: RegExp])[] = [
  [[], 64, /Name the resources by --resources, or the file/],
  [["--resources", "secrets"], 64, /Name the announced key ID by --expect-key-id, or the plugin by --socket/],
  [["--resources", "secretz", ...settled], 78, /The cluster stores no resource "secretz" that can be patched/],
  [["--resources", "secrets", "--rate", "0"], 64, /--rate is a number/],
  [["--resources", "secrets", "--assume-ready", "all"], 64, /--assume-ready is a number/],
  [["--resources", "secrets", "--assume-ready", "1", "--local-only"], 64, /exclude each other/],
  [
    ["--resources", "secrets", "--apiservers", "https://10.0.0.1", "--local-only"],
    64,
    /--apiservers exclude each other/,
  ],
  [["--resources", "secrets", "--timeout", "soon"], 64, /--timeout is a duration/],
  [["--resources", "secrets", "--apiservers", "10.0.0.1"], 64, /--apiservers is a list of addresses/],
  [["--resources", "secrets", "--socket", "/nonexistent/kms.sock"], 69, /kms\.sock/],
];

for (const [words, status, sentence] of wrong) {
  Deno.test(`rewrite ${words.join(" ")} ends with ${status}`, () =>
    onStage(async ({ double, ran }) => {
      const { status: found, err } = await ran(...words);
      equal(found, status, err);
      match(err, sentence);
      ok(!double.requests.some(({ method }) => method === "PATCH"));
    }));
}

Deno.test("progressText() has a bar, the numbers and the time that is left", () => {
  const collection = {
    resource: { group: "apps", version: "v1", name: "deployments", namespaced: true, verbs: [] },
    namespace: "a",
  };
  const meter = { finished: 60, begun: 40, total: 80, elapsed: 2_000 };
  equal(progressText(meter, collection), "[###############.....] 60 of 80, 2.0 s left: deployments.apps in a");
  equal(
    progressText({ ...meter, finished: 0, begun: 0, total: 0 }, { ...collection, namespace: "" }).slice(0, 30),
    "[####################] 0 of 0,",
  );
});
