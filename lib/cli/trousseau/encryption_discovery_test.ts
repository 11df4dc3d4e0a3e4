import { deepEqual, doesNotMatch, equal, match, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey } from "node:crypto";
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { KmsError } from "../../base/errors.ts";
import { Authority } from "../../../tests/support/certificates.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { trousseau } from "./program.ts";
import { discoverResources } from "./encryption_discovery.ts";
import { run } from "../run.ts";

const all = ["create", "delete", "get", "list", "update"];
const documents: Readonly<Record<string, unknown>> = {
  "/api/v1": {
    resources: [
      { name: "secrets", verbs: all },
      { name: "pods", verbs: all },
      { name: "pods/status", verbs: ["get", "patch", "create", "list"] },
      { name: "componentstatuses", verbs: ["get", "list"] },
    ],
  },
  "/apis": {
    groups: [
      { name: "apps", versions: [{ groupVersion: "apps/v1" }] },
      { name: "events.k8s.io", versions: [{ groupVersion: "events.k8s.io/v1" }] },
      { name: "example.com", versions: [{ groupVersion: "example.com/v1" }, { groupVersion: "example.com/v2" }] },
      { name: "metrics.k8s.io", versions: [{ groupVersion: "metrics.k8s.io/v1" }] },
    ],
  },
  "/apis/apps/v1": { resources: [{ name: "deployments", verbs: all }] },
  "/apis/example.com/v1": { resources: [{ name: "widgets", verbs: all }] },
  "/apis/example.com/v2": { resources: [{ name: "widgets", verbs: all }, { name: "gadgets", verbs: all }] },
};

/** An API server's discovery over TLS that requires a token or a client certificate of its CA. */
async function withServer(work: (server: Served) => Promise<void>): Promise<void> {
  const authority = new Authority();
  const own = authority.issue({ commonName: "server", names: ["127.0.0.1"] });
  const requests: string[] = [];
  const answer = (request: IncomingMessage): [number, unknown] => {
    requests.push(`${request.url}`);
    const known = (request.socket as TLSSocket).authorized ||
      request.headers.authorization === "Bearer t0ken-of-the-test";
    if (!known) return [request.headers.authorization === "Bearer denied" ? 403 : 401, {}];
    const document = documents[`${request.url}`.replace("/prefix", "")];
    return document === undefined ? [503, {}] : [200, document];
  };
  const server = createServer(
    { cert: own.certificate, key: own.key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const [status, body] = answer(request);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await work({ address: `https://127.0.0.1:${port}`, authority, requests });
  } finally {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
}

interface Served {
  readonly address: string;
  readonly authority: Authority;
  readonly requests: readonly string[];
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function kubeconfig(cluster: object, user: object): string {
  return JSON.stringify({
    "current-context": "here",
    contexts: [{ name: "there", context: {} }, { name: "here", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
  });
}

async function discover(text: string, files: Readonly<Record<string, string>> = {}) {
  let found: Awaited<ReturnType<typeof discoverResources>> | undefined;
  await inFolder(async (folder) => {
    for (const [name, content] of Object.entries({ ...files, config: text })) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    }
    found = await discoverResources(`${folder}/config`, new AbortController().signal);
  });
  return found;
}

Deno.test("discoverResources() sends a token, under a path, and returns the stored resources", async () => {
  await withServer(async ({ address, authority, requests }) => {
    const cluster = { server: `${address}/prefix/`, "certificate-authority-data": base64(authority.certificate) };
    const found = await discover(kubeconfig(cluster, { token: "t0ken-of-the-test" }));
    deepEqual(Object.fromEntries(found?.table ?? []), {
      "": ["secrets", "pods"],
      "apps": ["deployments"],
      "example.com": ["widgets", "gadgets"],
    });
    deepEqual([...found?.silent ?? []], ["metrics.k8s.io"]);
    equal(requests.every((path) => path.startsWith("/prefix/api")), true, requests.join());
  });
});

Deno.test("discoverResources() reads files beside the kubeconfig, and a client certificate with a SEC 1 key", async () => {
  await withServer(async ({ address, authority }) => {
    const cluster = { server: address, "certificate-authority": "ca.pem" };
    const files = { "ca.pem": authority.certificate, "token": "t0ken-of-the-test\n" };
    equal((await discover(kubeconfig(cluster, { tokenFile: "token", token: "x" }), files))?.table.size, 3);
    const { certificate, key } = authority.issue({ commonName: "admin" });
    const sec1 = createPrivateKey(key).export({ type: "sec1", format: "pem" }).toString();
    const user = { "client-certificate-data": base64(certificate), "client-key-data": base64(sec1) };
    equal((await discover(kubeconfig(cluster, user), files))?.table.size, 3);
  });
});

Deno.test("discoverResources() trusts only the kubeconfig's CA, and reports the reason of a refusal", async () => {
  await withServer(async ({ address, authority }) => {
    const own = { server: address, "certificate-authority-data": base64(authority.certificate) };
    const foreign = { ...own, "certificate-authority-data": base64(new Authority("Another").certificate) };
    const token = { token: "t0ken-of-the-test" };
    await rejects(discover(kubeconfig(foreign, token)), { code: "unreachable", message: /authorities/ });
    await rejects(discover(kubeconfig(own, { token: "wrong" })), { code: "unauthenticated" });
    await rejects(discover(kubeconfig(own, { token: "denied" })), { code: "permission_denied" });
    await rejects(discover(kubeconfig({ ...own, server: "https://127.0.0.1:1" }, token)), { code: "unreachable" });
  });
});

Deno.test("encryptionConfig() --kubeconfig warns based on the cluster's resources", async () => {
  await withServer(async ({ address, authority }) => {
    const cluster = { server: address, "certificate-authority-data": base64(authority.certificate) };
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/config`, kubeconfig(cluster, { token: "t0ken-of-the-test" }));
      const terminal = fakeTerminal();
      const names = "secrets,gadgets.example.com,gadget.example.com,configmaps,pods.metrics.k8s.io";
      const words = ["encryption-config", "--socket", "/run/kms.sock", "--resources", names];
      equal(await run([...words, "--kubeconfig", `${folder}/config`], trousseau, terminal), 0);
      const notes = terminal.err().trimEnd().split("\n");
      equal(notes.length, 3, terminal.err());
      match(notes[0] ?? "", /"gadget\.example\.com" encrypts nothing: the cluster.*"gadgets\.example\.com"\?/);
      match(notes[1] ?? "", /"configmaps" encrypts nothing/);
      match(notes[2] ?? "", /"pods\.metrics\.k8s\.io".*does not answer/);
    });
  });
});

const pem = base64(new Authority().certificate);
const sound = { server: "https://127.0.0.1:1", "certificate-authority-data": pem };

const wrong: readonly (readonly [what: string, text: string, complaint: RegExp])[] = [
  ["a program", kubeconfig(sound, { exec: { command: "aws" } }), /users\[0\]\.user\.exec: would run a program/],
  ["an auth provider", kubeconfig(sound, { "auth-provider": { name: "gcp" } }), /auth-provider: is not supported/],
  ["a password", kubeconfig(sound, { username: "u", password: "s3cret-in-the-test" }), /username: is not supported/],
  ["impersonation", kubeconfig(sound, { as: "root" }), /user\.as: is not supported/],
  [
    "any certificate",
    kubeconfig({ ...sound, "insecure-skip-tls-verify": true }, {}),
    /clusters\[0\]\.cluster\.insecure-skip-tls-verify: would trust any server/,
  ],
  ["a proxy", kubeconfig({ ...sound, "proxy-url": "http://p" }, {}), /proxy-url: is not supported/],
  ["plain HTTP", kubeconfig({ ...sound, server: "http://127.0.0.1" }, {}), /server: must be an https/],
  ["a user in the address", kubeconfig({ ...sound, server: "https://u:s3cret-in-the-test@h" }, {}), /without a user/],
  [
    "no PEM",
    kubeconfig({ ...sound, "certificate-authority-data": "AAAA" }, {}),
    /certificate-authority-data: holds no/,
  ],
  [
    "a certificate alone",
    kubeconfig(sound, { "client-certificate-data": pem }),
    /needs a client certificate and its key/,
  ],
  ["a missing file", kubeconfig(sound, { tokenFile: "absent" }), /tokenFile: names a file that cannot be read/],
  ["a token with a space", kubeconfig(sound, { token: "s3cret-in-the test" }), /token: holds no token/],
  ["no context", "{}", /current-context: must name an entry/],
  ["an unknown cluster", kubeconfig(sound, {}).replace('"cluster":"c"', '"cluster":"d"'), /names nothing in clusters/],
  ["what is no YAML", "a: 'b", /character is missing/],
];

for (const [what, text, complaint] of wrong) {
  Deno.test(`discoverResources() refuses a kubeconfig with ${what}`, async () => {
    const thrown = await discover(text).then(() => undefined, (thrown) => thrown);
    equal(thrown instanceof KmsError && thrown.code, "config");
    match(thrown.message, complaint);
    match(thrown.message, /config:1:\d+: /);
    doesNotMatch(thrown.message, /s3cret-in-the/);
  });
}
