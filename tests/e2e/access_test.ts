/**
 * `trousseau audit access` on the RBAC of a real API server: what it lists for a subject is what the API server permits it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readRbac } from "../../lib/cluster/access/rbac.ts";
import { type SecretAccess, secretAccess } from "../../lib/cluster/access/secret_access.ts";
import { namedSecretWays } from "../../lib/cluster/access/secret_ways.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";

const group = "rbac.authorization.k8s.io";
const kinds = "roles,clusterroles,rolebindings,clusterrolebindings";

const role = (name: string, rules: unknown, namespace?: string) => ({
  apiVersion: `${group}/v1`,
  kind: namespace === undefined ? "ClusterRole" : "Role",
  metadata: { name, namespace },
  rules,
});
const binding = (subject: object, kind: string, name: string, namespace?: string) => ({
  apiVersion: `${group}/v1`,
  kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
  metadata: { name: `${name}-${namespace ?? "all"}`, namespace },
  roleRef: { apiGroup: group, kind, name },
  subjects: [subject],
});
const user = (name: string) => ({ kind: "User", apiGroup: group, name });
const account = { kind: "ServiceAccount", name: "robot", namespace: "a" };
/** The API server takes the namespace of the binding. */
const accountHere = { kind: "ServiceAccount", name: "local" };
const core = (resources: string[], verbs: string[], resourceNames?: string[]) => ({
  apiGroups: [""],
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
});

const items = [
  ...["a", "b"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  role("named", [core(["secrets", "pods"], ["get", "list", "create"], ["db"])], "a"),
  role("subresources", [core(["*/exec", "pods/ephemeralcontainers", "nodes/proxy"], ["*"])]),
  role("powers", [
    core(["serviceaccounts"], ["impersonate"]),
    core(["serviceaccounts/token"], ["create"]),
    core(["users"], ["impersonate"]),
    { apiGroups: [group], resources: ["clusterroles"], verbs: ["bind", "escalate"] },
    { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests/*"], verbs: ["*"] },
    { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
  ]),
  role("some-group", [{ apiGroups: ["apps"], resources: ["*"], verbs: ["patch"] }, core(["secrets"], ["patch"])]),
  binding(user("named"), "Role", "named", "a"),
  binding(user("viewer"), "ClusterRole", "system:aggregate-to-view"),
  binding(user("editor"), "ClusterRole", "system:aggregate-to-edit", "a"),
  binding(user("admin-of-b"), "ClusterRole", "system:aggregate-to-admin", "b"),
  binding(user("root"), "ClusterRole", "cluster-admin"),
  binding(user("root-of-a"), "ClusterRole", "cluster-admin", "a"),
  binding(user("runner"), "ClusterRole", "subresources"),
  binding(user("runner-of-b"), "ClusterRole", "subresources", "b"),
  binding(user("power"), "ClusterRole", "powers"),
  binding(user("power-of-a"), "ClusterRole", "powers", "a"),
  binding(account, "ClusterRole", "some-group"),
  binding(accountHere, "ClusterRole", "some-group", "a"),
];
const subjects = [
  ...["named", "viewer", "editor", "admin-of-b", "root", "root-of-a", "runner", "runner-of-b", "power", "power-of-a"]
    .map((name) => ({ subject: `User ${name}`, user: name, groups: [] })),
  ...["robot", "local"].map((name) => ({
    subject: `ServiceAccount a/${name}`,
    user: `system:serviceaccount:a:${name}`,
    groups: ["system:serviceaccounts:a"],
  })),
];

/** The API server's answer to one question about somebody. */
async function isPermitted(
  { server }: Cluster,
  who: { readonly user: string; readonly groups: readonly string[] },
  resourceAttributes: Readonly<Record<string, string>>,
): Promise<boolean> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user: who.user, groups: who.groups, resourceAttributes },
  };
  const { status, body } = await server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review);
  assert.equal(status, 201, body);
  return JSON.parse(body).status.allowed;
}

interface Question {
  readonly way: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespace: string;
  readonly name: string;
}

/** Each resource and verb of each way, in no namespace, in two, and there for one object. */
const questions: readonly Question[] = namedSecretWays.flatMap(({ name: way, resources, verbs, clusterWide }) =>
  resources.flatMap((resource) =>
    verbs.flatMap((verb) =>
      (clusterWide ? [""] : ["", "a", "b"]).flatMap((namespace) =>
        // A request that creates an object has no name, although a review can have one.
        (verb === "create" && resource.split("/").length < 3 ? [""] : ["", "db"]).map((name) => ({
          way,
          resource,
          verb,
          namespace,
          name,
        }))
      )
    )
  )
);

function attributesOf({ resource, verb, namespace, name }: Question): Readonly<Record<string, string>> {
  const [of = "", plural = "", subresource = ""] = resource.split("/");
  return { group: of, resource: plural, subresource, verb, namespace, name };
}

/** Whether the analysis says that the question is permitted. */
function isListed(access: readonly SecretAccess[], subject: string, { namespace, name, ...asked }: Question): boolean {
  return access.some((one) =>
    one.subject === subject && one.way === asked.way && one.resources.includes(asked.resource) &&
    one.verbs.includes(asked.verb) && (one.namespace === "*" || one.namespace === namespace) &&
    (one.names.length === 0 || one.names.includes(name))
  );
}

Deno.test("trousseau audit access lists what a real API server permits, and nothing else", async (t) => {
  await using cluster = await Cluster.start();
  await using node = await Node.make();
  const { code, stderr } = await cluster.kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });
  assert.equal(code, 0, stderr);
  const listed = await cluster.kubectl(["get", kinds, "-A", "-o", "json"]);
  const { access } = secretAccess(readRbac(JSON.parse(listed.stdout), "kubectl"));

  await t.step("the API server agrees on every permission of every subject", async () => {
    for (const who of subjects) {
      const wrong: string[] = [];
      for (const question of questions) {
        const says = await isPermitted(cluster, who, attributesOf(question));
        if (says !== isListed(access, who.subject, question)) wrong.push(`${JSON.stringify(question)}: ${says}`);
      }
      assert.deepEqual(wrong, [], who.subject);
    }
  });

  await t.step("the command finds the same on the API server and on the output of kubectl", async () => {
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/rbac.json`, listed.stdout);
      const byFile = await node.command("audit", "access", `${folder}/rbac.json`, "--json");
      const byServer = await node.command("audit", "access", "--kubeconfig", cluster.server.kubeconfig, "--json");
      assert.deepEqual([byFile.code, byServer.code], [0, 0], byFile.stderr + byServer.stderr);
      assert.deepEqual(JSON.parse(byServer.stdout).access, JSON.parse(byFile.stdout).access);
      assert.deepEqual(JSON.parse(byFile.stdout).access, access);
    });
  });

  await t.step("what Kubernetes binds itself is told apart, and all else is not", () => {
    const others = new Set(access.filter(({ builtIn }) => !builtIn).map(({ subject }) => subject));
    const expected = subjects.map(({ subject }) => subject).filter((one) => !/viewer|admin-of-b/.test(one));
    assert.deepEqual([...others].toSorted(), expected.toSorted());
    assert.ok(access.some(({ builtIn, subject }) => builtIn && subject === "Group system:masters"));
  });

  await t.step("a new binding is found against a baseline", async () => {
    await inFolder(async (folder) => {
      const baseline = `${folder}/baseline.json`;
      const words = ["audit", "access", "--kubeconfig", cluster.server.kubeconfig];
      await Deno.writeTextFile(baseline, (await node.command(...words, "--json")).stdout);
      assert.equal((await node.command(...words, "--baseline", baseline)).code, 0);
      await cluster.kubectl(["create", "clusterrolebinding", "late", "--clusterrole=some-group", "--group=guests"]);
      const { code, stdout } = await node.command(...words, "--baseline", baseline);
      assert.equal(code, 1);
      assert.match(stdout, /Group guests .*NEW/);
    });
  });

  await t.step("a change or a deletion is answered with the Secret", async () => {
    const value = btoa("the value");
    const path = "/api/v1/namespaces/a/secrets";
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, data: { password: value } };
    await cluster.server.request("POST", path, secret);
    for (
      const [verb, method, at, body] of [
        ["patch", "PATCH", `${path}/db`, {}],
        ["update", "PUT", `${path}/db`, secret],
        ["deletecollection", "DELETE", path, undefined],
      ] as const
    ) {
      const answer = await cluster.server.request(method, at, body);
      assert.ok(answer.body.includes(value), `${verb}: ${answer.status}`);
    }
    await cluster.server.request("POST", path, secret);
    const deleted = await cluster.server.request("DELETE", `${path}/db?propagationPolicy=Foreground`);
    assert.ok(deleted.body.includes(value), "delete");
  });
});
