import { deepEqual, equal, match } from "node:assert/strict";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { JsonServer } from "../../../tests/support/json_server.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../run.ts";
import { trousseau } from "./program.ts";

const rule = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };
const role = { kind: "ClusterRole", metadata: { name: "reader" }, rules: [rule] };
const binding = (name: string, subject: string) => ({
  kind: "ClusterRoleBinding",
  metadata: { name },
  roleRef: { kind: "ClusterRole", name: "reader" },
  subjects: [{ kind: "User", name: subject }],
});

async function audited(items: readonly unknown[], ...words: readonly string[]) {
  let result = { status: 0, out: "", err: "" };
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rbac.json`, JSON.stringify({ items }));
    result = await ran(`${folder}/rbac.json`, ...words);
  });
  return result;
}

async function ran(...words: readonly string[]) {
  const terminal = fakeTerminal();
  const status = await run(["audit", "access", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("audit access lists subjects, the path and the limits in its last line", async () => {
  const { status, out } = await audited([role, binding("readers", "anna")]);
  equal(status, 0);
  match(out, /^User anna +\* +ClusterRoleBinding readers +ClusterRole reader +read$/m);
  match(out.trimEnd().split("\n").at(-1) ?? "", /^Not seen: .*webhooks.*Node authorizer.*system:masters/);
});

Deno.test("audit access makes control characters of names visible", async () => {
  const { out } = await audited([role, binding("readers", "an\u001b[2Jna")]);
  equal(out.includes("\u001b"), false);
});

Deno.test("audit access --baseline ends with 1 for what is new, and with 0 for the same", async () => {
  const before = [role, binding("readers", "anna")];
  const { out } = await audited(before, "--json");
  await inFolder(async (folder) => {
    const baseline = `${folder}/baseline.json`;
    await Deno.writeTextFile(baseline, out);
    const same = await audited([...before, binding("again", "anna")], "--baseline", baseline);
    deepEqual([same.status, /Nothing is new since/.test(same.out)], [0, true]);
    const more = await audited([...before, binding("others", "berta")], "--baseline", baseline);
    deepEqual([more.status, /New since .*: 1\./.test(more.out)], [1, true]);
    match(more.out, /User berta .* read NEW/);
    const { access } = JSON.parse((await audited([role, binding("b", "berta")], "--baseline", baseline, "--json")).out);
    deepEqual(access.map(({ isNew }: { isNew: boolean }) => isNew), [true]);
  });
});

Deno.test("audit access refuses lists that lack a kind, and other files", async () => {
  const lacking = await audited([role]);
  deepEqual([lacking.status, /has no ClusterRole or no ClusterRoleBinding/.test(lacking.err)], [78, true]);
  equal((await audited([role, binding("b", "a")], "--baseline", "/nonexistent.json")).status, 78);
  equal((await audited([role, binding("b", "a")], "--kubeconfig", "config")).status, 64);
  match((await ran("/nonexistent.json")).err, /Cannot read \/nonexistent\.json/);
});

/** A kubeconfig for the server, whose pages hold one ClusterRole or one binding each. */
async function withCluster(work: (server: JsonServer, kubeconfig: string) => Promise<void>): Promise<void> {
  await using server = await JsonServer.open();
  const group = "/apis/rbac.authorization.k8s.io/v1";
  const page = (path: string, items: readonly unknown[], next = "") =>
    server.documents.set(`${group}/${path}`, () => ({ metadata: { continue: next }, items }));
  const { kind: _, ...bare } = role;
  page("roles?limit=500", []);
  page("rolebindings?limit=500", []);
  page("clusterroles?limit=500", [], "a=b");
  page("clusterroles?limit=500&continue=a%3Db", [bare]);
  page("clusterrolebindings?limit=500", [{ ...binding("readers", "anna"), kind: undefined }]);
  await inFolder(async (folder) => {
    const ca = btoa(server.authority.certificate);
    await Deno.writeTextFile(
      `${folder}/config`,
      JSON.stringify({
        "current-context": "a",
        contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
        clusters: [{ name: "a", cluster: { server: server.origin, "certificate-authority-data": ca } }],
        users: [{ name: "a", user: { token: "t0ken" } }],
      }),
      { mode: 0o600 },
    );
    await work(server, `${folder}/config`);
  });
}

Deno.test("audit access reads a cluster in pages", () =>
  withCluster(async (server, kubeconfig) => {
    const { status, out, err } = await ran("--kubeconfig", kubeconfig);
    deepEqual([status, err], [0, ""]);
    match(out, /^User anna +\* +ClusterRoleBinding readers +ClusterRole reader +read$/m);
    deepEqual(server.requests.length, 5);
  }));

Deno.test("audit access ends with a sentence when the cluster refuses, breaks off or answers otherwise", () =>
  withCluster(async (server, kubeconfig) => {
    for (
      const [fault, status, sentence] of [
        [{ status: 401 }, 77, /does not accept the credentials/],
        [{ status: 403 }, 77, /forbids \/apis\/rbac/],
        [{ status: 500 }, 69, /answered 500/],
        ["reset", 69, /roles and bindings/],
        ["cut", 69, /roles and bindings/],
        ["text", 78, /is no list of Kubernetes objects/],
      ] as const
    ) {
      server.fault = fault;
      const found = await ran("--kubeconfig", kubeconfig);
      equal(found.status, status, found.err);
      match(found.err, sentence);
    }
  }));

Deno.test("audit access reads standard input, and gives up when it is stopped", async () => {
  const { auditAccess } = await import("./audit_access.ts");
  const audit = async (input: ReadableStream<Uint8Array>, signal = new AbortController().signal) => {
    const terminal = fakeTerminal({ signal });
    const status = await auditAccess({ program: trousseau, options: {}, positionals: ["-"], terminal }, input);
    return { status, out: terminal.out() };
  };
  const text = JSON.stringify({ items: [role, binding("readers", "änna")] });
  const bytes = new TextEncoder().encode(text);
  const { status, out } = await audit(ReadableStream.from([bytes.slice(0, 150), bytes.slice(150)]));
  deepEqual([status, /standard input/.test(out), /User änna/.test(out)], [0, true, true]);
  const stopped = await audit(new ReadableStream(), AbortSignal.abort()).catch((thrown) => thrown);
  equal(stopped.code, "cancelled");
});
