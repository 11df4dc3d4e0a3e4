/**
 * Logins to the keyring with tokens of ServiceAccounts of a real API server: by TokenReview, and offline by its keys.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { Secret } from "../../lib/base/secret.ts";
import { KubernetesCluster } from "../../lib/services/keyring/identity/cluster.ts";
import { OidcIssuer } from "../../lib/services/keyring/identity/issuer.ts";
import { type JwtVerifier, LoginVerifier } from "../../lib/services/keyring/identity/login.ts";
import { testAdmin, TestIdentities } from "../support/keyring_identities.ts";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";

const parts = { clock: systemClock, notify: () => {} };
const never = new AbortController().signal;

/** Makes an object, and returns the answer. */
async function post(cluster: Cluster, path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await cluster.server.request("POST", path, body);
  assert.ok(answer.status === 201 || answer.status === 409, `${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body);
}

async function account(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await post(cluster, "/api/v1/namespaces", { metadata: { name: namespace } });
  await post(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
}

async function tokenOf(cluster: Cluster, namespace: string, name: string, audience?: string): Promise<string> {
  const spec = { expirationSeconds: 3_600, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const { status } = await post(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, { spec });
  return (status as { readonly token: string }).token;
}

/** Lets an account ask for TokenReviews. */
async function bind(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await post(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "reviewer" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:auth-delegator" },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "accepted";
  } catch (thrown) {
    if (thrown instanceof KeyringError) return thrown.code;
    throw thrown;
  }
}

Deno.test("a ServiceAccount logs in by a TokenReview of a real API server, for its audience, until it is deleted", async () => {
  await using cluster = await Cluster.start();
  const kubeconfig = JSON.parse(await Deno.readTextFile(cluster.server.kubeconfig));
  const { server: address, "certificate-authority": caFile } = kubeconfig.clusters[0].cluster;
  await account(cluster, "shop", "web");
  await account(cluster, "keyring", "reviewer");
  const reviewer = new Secret(await tokenOf(cluster, "keyring", "reviewer"));
  const token = { description: "the reviewer", read: () => Promise.resolve(reviewer) };
  const settings = { name: "prod", address, audience: "trousseau", token, tls: { caFile } };
  using reviews = await KubernetesCluster.open(settings, parts);
  const jwt = await tokenOf(cluster, "shop", "web", "trousseau");

  assert.equal(await codeOf(reviews.verify(jwt, never)), "issuer_unavailable", "the reviewer has no right yet");
  await bind(cluster, "keyring", "reviewer");
  await waitFor("the right of the reviewer", async () => (await codeOf(reviews.verify(jwt, never))) === "accepted", {
    timeoutMs: 30_000,
  });
  const { name, taker } = await reviews.verify(jwt, never);
  assert.equal(name, "kubernetes:prod/shop/web");
  assert.equal(taker.subject, "system:serviceaccount:shop:web");

  const others = [await tokenOf(cluster, "shop", "web"), await tokenOf(cluster, "shop", "web", "other"), `${jwt}x`];
  for (const other of others) assert.equal(await codeOf(reviews.verify(other, never)), "unauthenticated");

  await logsIn(reviews, jwt);

  const path = "/api/v1/namespaces/shop/serviceaccounts/web";
  assert.equal((await cluster.server.request("DELETE", path)).status, 200);
  await waitFor("the end of the deleted account", async () => {
    return (await codeOf(reviews.verify(jwt, never))) === "unauthenticated";
  }, { timeoutMs: 30_000 });

  await cluster.stopServer();
  assert.equal(await codeOf(reviews.verify(jwt, never)), "issuer_unavailable");
});

/** Logs in to a keyring with the role of the account, and with no other role. */
async function logsIn(reviews: JwtVerifier, jwt: string): Promise<void> {
  const verifier = new LoginVerifier({ clusters: [reviews], issuers: [] });
  await using at = new TestIdentities({ verify: (request, signal) => verifier.verify(request, signal) });
  const policy = `roles:
  web: { take: [{ cluster: prod, subject: "system:serviceaccount:shop:web" }], rules: [{ path: web, verbs: [read] }] }
  dev: { take: [{ cluster: dev, subject: "system:serviceaccount:shop:web" }], rules: [{ path: dev, verbs: [read] }] }
`;
  await at.policies.set(policy, testAdmin, at.signal);
  const login = (role: string) => at.tokens.login({ method: "kubernetes", role, jwt }, at.signal);
  const { token } = await login("web");
  const identity = await at.byToken(token);
  assert.deepEqual([identity.name, identity.roles], ["kubernetes:prod/shop/web", ["web"]]);
  assert.equal(await codeOf(login("dev")), "forbidden", "the same account of another cluster is another identity");
}

Deno.test("a token of a ServiceAccount is verified offline by the keys of a real API server", async () => {
  await using cluster = await Cluster.start();
  await account(cluster, "shop", "web");
  const keys = await cluster.server.request("GET", "/openid/v1/jwks");
  const path = join(dirname(cluster.server.kubeconfig), "jwks.json");
  await Deno.writeTextFile(path, keys.body);
  using issuer = await OidcIssuer.open({
    name: "prod",
    issuer: "https://kubernetes.default.svc",
    audience: "trousseau",
    keys: { from: "file", path },
    algorithms: ["RS256"],
    maxLifetimeMs: 3_600_000,
    tls: {},
  }, parts);
  const { name, taker } = await issuer.verify(await tokenOf(cluster, "shop", "web", "trousseau"), never);
  assert.deepEqual([name, taker.kind], ["oidc:prod/system:serviceaccount:shop:web", "issuer"]);
  assert.equal(await codeOf(issuer.verify(await tokenOf(cluster, "shop", "web", "other"), never)), "unauthenticated");
});
