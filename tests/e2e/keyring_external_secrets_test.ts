/**
 * External Secrets uses the keyring with its provider for Vault: it logs in by token, certificate, ServiceAccount and
 * JWT, reads and finds secrets, and pushes them.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { base64, utf8 } from "../../lib/base/bytes.ts";
import { TestKeyring, type TestKeyringOptions } from "../support/keyring_api.ts";
import { enrolPerson, listenOverTls } from "../support/keyring_clients.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { allowReviews, makeAccount, openIssuer, openReviews } from "./harness/service_accounts.ts";
import { serverProgram } from "./servers.ts";

type Results = Readonly<Record<string, unknown>>;

/** A keyring with some secrets that listens. */
interface Site {
  readonly keyring: TestKeyring;
  readonly address: string;
  /** PEM. */
  readonly ca: string;
  /** The kubeconfig of a cluster, or of none. */
  readonly kubeconfig: string;
}

/** A login in the words of a SecretStore, the Secrets that it names, and the steps to take. */
interface Visit {
  readonly auth: unknown;
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly steps: readonly ("read" | "find" | "push")[];
  /** Whether each push checks the version that it replaces. */
  readonly checkAndSet?: boolean;
}

const policy = `
roles:
  team: {take: [{person: anna}], rules: [{path: db, verbs: [list, read, write, destroy]}]}
  web:
    take:
      - {cluster: prod, subject: "system:serviceaccount:shop:web"}
      - {issuer: prod, subject: "system:serviceaccount:shop:web"}
    rules: [{path: db, verbs: [list, read]}]
`;

async function withSite(
  options: TestKeyringOptions,
  kubeconfig: string | undefined,
  work: (site: Site) => Promise<void>,
) {
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await keyring.policy(policy);
    const write = (path: string, fields: unknown, labels = {}) =>
      keyring.expect(201, "POST", `/api/v1/secrets/${path}`, { body: { fields, labels } });
    await write("db/prod/john", { password: { value: "first" } }, { team: "shop" });
    const fields = { password: { value: "second" }, options: { kind: "json", value: { tls: true } } };
    await keyring.expect(200, "PUT", "/api/v1/secrets/db/prod/john", { body: { fields } });
    await write("db/old", { password: { value: "gone" } });
    await keyring.expect(200, "DELETE", "/api/v1/secrets/db/old");
    await write("db/test/jane", { password: { value: "other" } });
    await write("hr/salaries", { list: { value: "hidden" } }, { team: "shop" });
    await using listener = await listenOverTls(keyring);
    await Deno.writeTextFile(`${folder}/kubeconfig`, noCluster);
    await work({ keyring, ...listener, kubeconfig: kubeconfig ?? `${folder}/kubeconfig` });
  });
}

/** The provider makes a client of Kubernetes in any case, and asks it for tokens of ServiceAccounts alone. */
const noCluster = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "none", cluster: { server: "https://127.0.0.1:1" } }],
  contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
  users: [{ name: "none", user: {} }],
  "current-context": "none",
});

async function visit(
  { address, ca, kubeconfig }: Site,
  { auth, secrets = {}, steps, checkAndSet = false }: Visit,
): Promise<Results> {
  const encoded = (text: string) => base64(utf8(text));
  const vault = {
    server: address,
    path: "secret",
    version: "v2",
    caBundle: encoded(ca),
    auth,
    ...(checkAndSet ? { checkAndSet: { required: true } } : {}),
  };
  const input = {
    store: { metadata: { name: "keyring", namespace: "shop" }, spec: { provider: { vault } } },
    secrets: Object.entries(secrets).map(([name, data]) => ({
      metadata: { name, namespace: "shop" },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, encoded(text)])),
    })),
    steps,
  };
  const program = await serverProgram("external-secrets");
  const env = { KUBECONFIG: kubeconfig };
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { env, clearEnv: true, ...pipes }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(JSON.stringify(input)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  equal(success, true, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The results of a login that the keyring grants. */
const granted = { store: true, login: true, validate: "Ready", close: true };

function checkReads(results: Results): void {
  const { hidden, lacking, labels, whole, ...rest } = results;
  deepEqual(rest, {
    ...granted,
    property: "second",
    nested: "true",
    version: "first",
    absent: "no secret",
    deleted: "no secret",
    map: { password: "second", options: '{"tls":true}' },
    exists: true,
  });
  deepEqual(JSON.parse(String(whole)), { password: "second", options: { tls: true } });
  deepEqual(JSON.parse(String(labels)), { team: "shop" });
  match(JSON.stringify(hidden), /Code: 403.*permission denied/);
  match(JSON.stringify(lacking), /cannot find secret data for key/);
}

async function tokenAuth({ keyring }: Site): Promise<Pick<Visit, "auth" | "secrets">> {
  const body = { name: "external-secrets", role: "team", ttl: 3_600 };
  const { token } = (await keyring.expect(201, "POST", "/api/v1/tokens", { body })).body;
  return { auth: { tokenSecretRef: { name: "token", key: "token" } }, secrets: { token: { token } } };
}

Deno.test("External Secrets reads values, versions and labels, with a token and with the certificate of a person", async () => {
  await withSite({}, undefined, async (site) => {
    checkReads(await visit(site, { ...await tokenAuth(site), steps: ["read"] }));
    const { certificate, key } = await enrolPerson(site.keyring, "anna");
    const auth = {
      cert: { clientCert: { name: "anna", key: "tls.crt" }, secretRef: { name: "anna", key: "tls.key" } },
    };
    const secrets = { anna: { "tls.crt": certificate, "tls.key": key } };
    checkReads(await visit(site, { auth, secrets, steps: ["read"] }));
    const wrong = { auth: { tokenSecretRef: { name: "token", key: "token" } }, secrets: { token: { token: "wrong" } } };
    match(JSON.stringify((await visit(site, { ...wrong, steps: [] })).validate), /403/);
  });
});

Deno.test("External Secrets finds secrets by name, by label and all of them, as far as the policy lists them", async () => {
  await withSite({}, undefined, async (site) => {
    const found = await visit(site, { ...await tokenAuth(site), steps: ["find"] });
    const names = (step: string) => Object.keys(found[step] as Record<string, string>).toSorted();
    deepEqual(names("by name"), ["db/prod/john"]);
    deepEqual(names("by tag"), ["db/prod/john"]);
    deepEqual(names("all"), ["db/prod/john", "db/test/jane"]);
  });
});

Deno.test("External Secrets pushes secrets and properties, spares those of others, and deletes its own", async () => {
  for (const checkAndSet of [false, true]) await withSite({}, undefined, (site) => checkPushes(site, checkAndSet));
});

async function checkPushes(site: Site, checkAndSet: boolean): Promise<void> {
  const results = await visit(site, { ...await tokenAuth(site), steps: ["push"], checkAndSet });
  const { "push over another's": spared, pushed, "pushed properties": both, ...rest } = results;
  deepEqual(rest, {
    ...granted,
    "push": true,
    "push unchanged": true,
    "push changed": true,
    "push property": true,
    "push second property": true,
    "delete property": true,
    "one property less": '{"pw":"second"}',
    "delete": true,
    "after delete": "no secret",
    "delete another's": true,
  });
  match(JSON.stringify(spared), /not managed by external-secrets/);
  deepEqual(JSON.parse(String(pushed)), { user: "anna", password: "second" });
  deepEqual(JSON.parse(String(both)), { pw: "second", other: "second" });
  const { keyring } = site;
  const history = async (path: string) => (await keyring.expect(200, "GET", `/api/v1/history/${path}`)).body;
  deepEqual((await history("db/pushed/one")).labels, { "managed-by": "external-secrets" });
  equal((await history("db/pushed/one")).currentVersion, 3, "an unchanged push writes no version");
  const { versions } = await history("db/pushed/whole");
  deepEqual(versions.map(({ state }: { readonly state: string }) => state), ["destroyed", "destroyed"]);
  const john = (await keyring.expect(200, "GET", "/api/v1/secrets/db/prod/john")).body;
  equal(john.fields.password.value, "second");
}

Deno.test("External Secrets logs in with a ServiceAccount of a real API server, by TokenReview and by JWT", async () => {
  await using cluster = await Cluster.start();
  await makeAccount(cluster, "shop", "web");
  using reviews = await openReviews(cluster);
  await allowReviews(cluster, "keyring", "reviewer");
  using issuer = await openIssuer(cluster);
  await withSite({ clusters: [reviews], issuers: [issuer] }, cluster.server.kubeconfig, async (site) => {
    const serviceAccountRef = { name: "web", audiences: ["trousseau"] };
    const byReview = { kubernetes: { mountPath: "kubernetes", role: "web", serviceAccountRef } };
    const { value: results } = await waitFor("the right of the reviewer", async () => {
      const results = await visit(site, { auth: byReview, steps: ["read"] });
      return results.login === true ? results : undefined;
    }, { timeoutMs: 60_000 });
    checkReads(results);
    const token = { serviceAccountRef: { name: "web" }, audiences: ["trousseau"] };
    const byJwt = { jwt: { path: "jwt", role: "web", kubernetesServiceAccountToken: token } };
    checkReads(await visit(site, { auth: byJwt, steps: ["read"] }));
    const otherAudience = { ...byReview.kubernetes, serviceAccountRef: { name: "web", audiences: ["other"] } };
    match(JSON.stringify((await visit(site, { auth: { kubernetes: otherAudience }, steps: [] })).login), /Code: 403/);
  });
});
