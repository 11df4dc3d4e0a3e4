/**
 * A cluster with Secrets under several keys, and a user who may rewrite them and nothing else.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { waitFor } from "../../support/processes.ts";
import type { Cluster } from "./cluster.ts";
import type { Node, Plugin } from "./plugin.ts";
import { accountToken, makeAccount } from "./service_accounts.ts";

/** The namespaces with the Secrets. */
export const namespaces = ["a", "b", "c", "d", "e"] as const;

/** The objects of the policy file that one way of a rewrite needs. */
export async function rewritePolicy(by: "patch" | "migration" = "patch"): Promise<readonly PolicyObject[]> {
  const path = new URL("../../../deploy/policies/rewrite-clusterrole.yaml", import.meta.url);
  const all: readonly PolicyObject[] = parseAllDocuments(await Deno.readTextFile(path)).map((one) => one.toJS());
  const other = by === "patch" ? "trousseau-rewrite-by-migration" : "trousseau-rewrite";
  return all.filter(({ kind, metadata: { name } }) => kind === "Role" || name !== other);
}

/** A ClusterRole or a Role. */
export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: "ClusterRole" | "Role";
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly unknown[];
}

/** Applies manifests as the administrator. */
export async function apply(cluster: Cluster, ...items: readonly unknown[]): Promise<void> {
  const { code, stderr } = await cluster.kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });
  equal(code, 0, stderr);
}

const account = { kind: "ServiceAccount", namespace: "kube-system", name: "rewriter" } as const;

/** A binding of a role to the account that rewrites. */
export function bindingOf({ kind, name }: { kind: "ClusterRole" | "Role"; name: string }, namespace?: string): unknown {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: namespace === undefined ? { name } : { name, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [account],
  };
}

/** Makes the account, with the policy of the file. @returns its token. */
export async function makeRewriter(cluster: Cluster, by: "patch" | "migration" = "patch"): Promise<string> {
  await makeAccount(cluster, account.namespace, account.name);
  const policy = await rewritePolicy(by);
  await apply(
    cluster,
    ...policy,
    ...policy.map(({ kind, metadata: { name, namespace } }) => bindingOf({ kind, name }, namespace)),
  );
  return await accountToken(cluster, account.namespace, account.name);
}

/** Writes a kubeconfig. @param ca PEM. @param user a token, or the fields of a user. */
export async function writeKubeconfig(node: Node, server: string, ca: string, user: string | object): Promise<string> {
  const cluster = { server, "certificate-authority-data": btoa(ca) };
  return await node.write(
    `kubeconfig-${new URL(server).port}`,
    JSON.stringify({
      "current-context": "r",
      contexts: [{ name: "r", context: { cluster: "r", user: "r" } }],
      clusters: [{ name: "r", cluster }],
      users: [{ name: "r", user: typeof user === "string" ? { token: user } : user }],
    }),
  );
}

/** The address of a cluster's API server, and its CA. */
export async function serverOf(
  cluster: Pick<Cluster, "server">,
): Promise<{ readonly server: string; readonly ca: string }> {
  const { clusters: [{ cluster: found }] } = JSON.parse(await Deno.readTextFile(cluster.server.kubeconfig));
  return { server: found.server, ca: await Deno.readTextFile(found["certificate-authority"]) };
}

/** Makes Secrets of one generation in all namespaces, half of them by `kubectl apply`. @returns their values by path. */
export async function makeSecrets(cluster: Cluster, generation: string, count: number): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const made = { apply: [] as unknown[], create: [] as unknown[] };
  for (const namespace of namespaces) {
    for (let at = 0; at < count; at++) {
      const [name, value] = [`${generation}-${at}`, `canary-${generation}-${namespace}-${at}`];
      values.set(`/api/v1/namespaces/${namespace}/secrets/${name}`, value);
      const secret = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData: { value } };
      (at % 2 === 0 ? made.apply : made.create).push(secret);
    }
  }
  for (const [verb, items] of Object.entries(made)) {
    const { code, stderr } = await cluster.kubectl([verb, "-f", "-"], { apiVersion: "v1", kind: "List", items });
    equal(code, 0, stderr);
  }
  return values;
}

/** The key ID that the plugin announces, which is another one than `before`. */
export async function nextKeyId(plugin: Plugin, before: string): Promise<string> {
  const { value } = await waitFor("a new key ID", async () => {
    const { key_id: id } = await plugin.status();
    return id !== "" && id !== before ? id : undefined;
  }, { timeoutMs: 90_000, everyMs: 5_000 });
  ok(value !== undefined);
  return value;
}
