/**
 * ServiceAccounts of a cluster, their tokens, and the keyring's view of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { systemClock } from "../../../lib/base/clock.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { KubernetesCluster } from "../../../lib/services/keyring/identity/cluster.ts";
import { OidcIssuer } from "../../../lib/services/keyring/identity/issuer.ts";
import type { Cluster } from "./cluster.ts";

const parts = { clock: systemClock, notify: () => {} };

/** Makes an object, and returns the answer. */
async function post(cluster: Cluster, path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await cluster.server.request("POST", path, body);
  assert.ok(answer.status === 201 || answer.status === 409, `${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body);
}

/** Makes an account and its namespace. */
export async function makeAccount(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await post(cluster, "/api/v1/namespaces", { metadata: { name: namespace } });
  await post(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
}

/** A token of an account, for the API server itself if no audience is named. */
export async function accountToken(
  cluster: Cluster,
  namespace: string,
  name: string,
  audience?: string,
): Promise<string> {
  const spec = { expirationSeconds: 3_600, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const { status } = await post(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, { spec });
  return (status as { readonly token: string }).token;
}

/** Lets an account ask for TokenReviews. */
export async function allowReviews(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await post(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "reviewer" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:auth-delegator" },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
  });
}

/** The cluster as the keyring asks it, by an account that it makes; the audience is `trousseau`. */
export async function openReviews(cluster: Cluster): Promise<KubernetesCluster> {
  const kubeconfig = JSON.parse(await Deno.readTextFile(cluster.server.kubeconfig));
  const { server: address, "certificate-authority": caFile } = kubeconfig.clusters[0].cluster;
  await makeAccount(cluster, "keyring", "reviewer");
  const reviewer = new Secret(await accountToken(cluster, "keyring", "reviewer"));
  const token = { description: "the reviewer", read: () => Promise.resolve(reviewer) };
  return await KubernetesCluster.open({ name: "prod", address, audience: "trousseau", token, tls: { caFile } }, parts);
}

/** The cluster as an issuer, by its key set in a file; the audience is `trousseau`. */
export async function openIssuer(cluster: Cluster): Promise<OidcIssuer> {
  const keys = await cluster.server.request("GET", "/openid/v1/jwks");
  const path = join(dirname(cluster.server.kubeconfig), "jwks.json");
  await Deno.writeTextFile(path, keys.body);
  return await OidcIssuer.open({
    name: "prod",
    issuer: "https://kubernetes.default.svc",
    audience: "trousseau",
    keys: { from: "file", path },
    algorithms: ["RS256"],
    maxLifetimeMs: 3_600_000,
    tls: {},
  }, parts);
}
