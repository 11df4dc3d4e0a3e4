/**
 * Logins to the keyring with tokens of ServiceAccounts of a real API server: by TokenReview, and offline by its keys.
 */
import assert from "node:assert/strict";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { type JwtVerifier, LoginVerifier } from "../../lib/services/keyring/identity/login.ts";
import { testAdmin, TestIdentities } from "../support/keyring_identities.ts";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { accountToken, allowReviews, makeAccount, openIssuer, openReviews } from "./harness/service_accounts.ts";

const never = new AbortController().signal;

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
  await makeAccount(cluster, "shop", "web");
  using reviews = await openReviews(cluster);
  const jwt = await accountToken(cluster, "shop", "web", "trousseau");

  assert.equal(await codeOf(reviews.verify(jwt, never)), "issuer_unavailable", "the reviewer has no right yet");
  await allowReviews(cluster, "keyring", "reviewer");
  await waitFor("the right of the reviewer", async () => (await codeOf(reviews.verify(jwt, never))) === "accepted", {
    timeoutMs: 30_000,
  });
  const { name, taker } = await reviews.verify(jwt, never);
  assert.equal(name, "kubernetes:prod/shop/web");
  assert.equal(taker.subject, "system:serviceaccount:shop:web");

  const others = [
    await accountToken(cluster, "shop", "web"),
    await accountToken(cluster, "shop", "web", "other"),
    `${jwt}x`,
  ];
  for (const other of others) assert.equal(await codeOf(reviews.verify(other, never)), "unauthenticated");

  await logsIn(reviews, jwt);

  const unseen = await accountToken(cluster, "shop", "web", "trousseau");
  const path = "/api/v1/namespaces/shop/serviceaccounts/web";
  assert.equal((await cluster.server.request("DELETE", path)).status, 200);
  await waitFor("the end of the deleted account", async () => {
    return (await codeOf(reviews.verify(jwt, never))) === "unauthenticated";
  }, { timeoutMs: 30_000 });

  await cluster.stopServer();
  // The refusal of the other token is remembered for some seconds.
  assert.equal(await codeOf(reviews.verify(unseen, never)), "issuer_unavailable");
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
  await makeAccount(cluster, "shop", "web");
  using issuer = await openIssuer(cluster);
  const { name, taker } = await issuer.verify(await accountToken(cluster, "shop", "web", "trousseau"), never);
  assert.deepEqual([name, taker.kind], ["oidc:prod/system:serviceaccount:shop:web", "issuer"]);
  assert.equal(
    await codeOf(issuer.verify(await accountToken(cluster, "shop", "web", "other"), never)),
    "unauthenticated",
  );
});
