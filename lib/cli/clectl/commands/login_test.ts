import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { createServer } from "node:https";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { Authority, type Pair } from "../../../../tests/support/certificates.ts";
import { runClectl } from "../../../../tests/support/clectl_terminal.ts";
import { answerJson } from "../../../../tests/support/keyring_double.ts";
import type { Clock } from "../../../base/clock.ts";
import { systemClock } from "../../../base/clock.ts";

const code = "ABCD-EFGH-IJKL";

function fingerprint(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("hex");
}

/** A server over TLS 1.3 that records its connections and requests. */
async function tlsServer(chain: string, key: string, authority: Authority, days = 7, renews = true) {
  const requests: { url: string; body: string; client: string | undefined }[] = [];
  const options = { cert: chain, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false };
  const server = createServer({ ...options, minVersion: "TLSv1.3" }, async (message, response) => {
    let body = "";
    for await (const chunk of message) body += new TextDecoder().decode(chunk);
    const socket = message.socket as TLSSocket;
    const client = socket.authorized ? socket.getPeerCertificate().subject.CN?.toString() : undefined;
    requests.push({ url: message.url ?? "", body, client });
    if (message.url === "/api/v1/whoami") {
      return answerJson(response, { kind: "person", name: "person:anna", id: "1", roles: ["dev"] });
    }
    if (message.url === "/api/v1/renew" && !renews) return answerJson(response, {}, 500);
    // The double cannot certify another one's key: it hands out a pair of its own, which whoami does not need.
    answerJson(response, {
      certificate: certificateFor(authority, body, days),
      ca: authority.certificate,
      notAfter: "t",
    }, 201);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `https://localhost:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function certificateFor(authority: Authority, body: string, days: number): string {
  const { publicKey } = JSON.parse(body);
  return authority.certify({ commonName: "anna", days }, Uint8Array.from(atob(publicKey), (one) => one.charCodeAt(0)));
}

async function withHome<T>(work: (variables: Record<string, string>, home: string) => Promise<T>): Promise<T> {
  const home = await Deno.makeTempDir();
  try {
    return await work({ HOME: home }, home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const chainOf = (leaf: Pair, authority: Authority) => leaf.certificate + authority.certificate;

Deno.test("login pins the authority by its fingerprint, and saves key and certificate for this user alone", async () => {
  const authority = new Authority("Keyring CA");
  const leaf = authority.issue({ commonName: "localhost", names: ["localhost"] });
  await using server = await tlsServer(chainOf(leaf, authority), leaf.key, authority);
  await withHome(async (variables, home) => {
    const words = ["login", server.url, "--fingerprint", fingerprint(authority.certificate), "--context", "prod"];
    const end = await runClectl(words, { variables, stdin: `${code}\n` });
    equal(end.status, 0, end.err);
    doesNotMatch(end.out + end.err, /ABCD/);
    deepEqual(server.requests.map(({ url }) => url), ["/api/v1/enrol"]);
    equal(JSON.parse(server.requests[0]?.body ?? "").code, code);
    for (
      const [path, mode] of [
        [".config/clectl/contexts/prod.json", 0o600],
        [".local/state/clectl/identities/prod.json", 0o600],
        [".local/state/clectl/identities", 0o700],
      ] as const
    ) {
      equal(((await Deno.stat(`${home}/${path}`)).mode ?? 0) & 0o777, mode, path);
    }
    for (const more of [{}, { CLECTL_ADDRESS: server.url }, { CLECTL_CONTEXT: "prod" }]) {
      const who = await runClectl(["whoami", "-o", "json"], { variables: { ...variables, ...more } });
      equal(who.status, 0, who.err);
      equal(server.requests.at(-1)?.client, "anna");
    }
    const listed = await runClectl(["context", "list", "-o", "json"], { variables });
    deepEqual(JSON.parse(listed.out), [{ name: "prod", address: server.url, login: "certificate", current: true }]);
    equal((await runClectl(["context", "remove", "prod"], { variables })).status, 0);
    const files = await Array.fromAsync(Deno.readDir(`${home}/.local/state/clectl/identities`));
    deepEqual(files, []);
  });
});

Deno.test("login ends with 77 and sends no code if the true authority stands beside a leaf that it did not sign", async () => {
  const [authority, attacker] = [new Authority("Keyring CA"), new Authority("Keyring CA")];
  const leaf = attacker.issue({ commonName: "localhost", names: ["localhost"] });
  await using server = await tlsServer(chainOf(leaf, authority), leaf.key, authority);
  await withHome(async (variables, home) => {
    const words = ["login", server.url, "--fingerprint", fingerprint(authority.certificate)];
    const end = await runClectl(words, { variables, stdin: code });
    deepEqual([end.status, server.requests], [77, []], end.err);
    match(end.err, /not trusted/);
    deepEqual(await Array.fromAsync(Deno.readDir(home)), []);
  });
});

for (
  const [name, subject, pinned] of [
    ["another fingerprint", { commonName: "localhost", names: ["localhost"] }, () => "0".repeat(64)],
    [
      "the fingerprint of the leaf",
      { commonName: "localhost", names: ["localhost"] },
      (leaf: Pair) => fingerprint(leaf.certificate),
    ],
    ["a certificate for another host", { commonName: "x", names: ["other.example"] }, undefined],
    ["an expired certificate", { commonName: "localhost", names: ["localhost"], days: -1 }, undefined],
    [
      "a certificate for clients",
      { commonName: "localhost", names: ["localhost"], usages: ["client"] as const },
      undefined,
    ],
  ] as const
) {
  Deno.test(`login ends with 77 and sends no code: ${name}`, async () => {
    const authority = new Authority("Keyring CA");
    const leaf = authority.issue(subject);
    await using server = await tlsServer(chainOf(leaf, authority), leaf.key, authority);
    await withHome(async (variables) => {
      const pin = pinned === undefined ? fingerprint(authority.certificate) : pinned(leaf);
      const end = await runClectl(["login", server.url, "--fingerprint", pin], { variables, stdin: code });
      deepEqual([end.status, server.requests], [77, []], end.err);
    });
  });
}

Deno.test("the first connection of login carries no byte of a request", async () => {
  const authority = new Authority("Keyring CA");
  const leaf = authority.issue({ commonName: "localhost", names: ["localhost"] });
  let [connections, received, closed] = [0, 0, 0];
  const server = createTlsServer({ cert: chainOf(leaf, authority), key: leaf.key, minVersion: "TLSv1.3" }, (socket) => {
    socket.on("data", (chunk) => received += chunk.length);
    socket.on("error", () => {});
  });
  server.on("connection", (socket) => {
    connections++;
    socket.on("close", () => closed++);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await withHome(async (variables) => {
    const words = ["login", `https://localhost:${port}`, "--fingerprint", "1".repeat(64)];
    equal((await runClectl(words, { variables, stdin: code })).status, 77);
  });
  // All that was sent has arrived when the connection is closed at the server.
  for (let left = 100; closed === 0 && left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 20));
  deepEqual([connections, closed, received], [1, 1, 0]);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

Deno.test("a certificate with under three days left is renewed by a new key, and a failed renewal is a warning", async () => {
  const authority = new Authority("Keyring CA");
  const leaf = authority.issue({ commonName: "localhost", names: ["localhost"] });
  for (const renews of [true, false]) {
    await using server = await tlsServer(chainOf(leaf, authority), leaf.key, authority, 7, renews);
    await withHome(async (variables, home) => {
      const words = ["login", server.url, "--fingerprint", fingerprint(authority.certificate), "--context", "prod"];
      equal((await runClectl(words, { variables, stdin: code })).status, 0);
      const identity = `${home}/.local/state/clectl/identities/prod.json`;
      const before = await Deno.readTextFile(identity);
      const later = (days: number): Clock => ({ ...systemClock, wall: () => Date.now() + days * 86_400_000 });
      const early = await runClectl(["whoami"], { variables, clock: later(3.9) });
      deepEqual([early.status, await Deno.readTextFile(identity) === before], [0, true]);
      const end = await runClectl(["whoami"], { variables, clock: later(4.1) });
      equal(end.status, 0, end.err);
      const urls = server.requests.map(({ url }) => url.split("/").at(-1));
      deepEqual(urls, ["enrol", "whoami", "renew", "whoami"]);
      equal(await Deno.readTextFile(identity) === before, !renews);
      (renews ? doesNotMatch : match)(end.err, /ends soon and is not renewed/);
      const over = await runClectl(["whoami"], { variables, clock: later(8) });
      deepEqual([over.status, server.requests.length], [77, 4]);
      match(over.err, /has ended: log in again/);
    });
  }
});

Deno.test("login refuses a socket, a missing fingerprint or code, and the name of another server's context", async () => {
  await withHome(async (variables) => {
    const refused = async (words: string[], status: number, why: RegExp, stdin = code) => {
      const end = await runClectl(words, { variables, stdin });
      equal(end.status, status, end.err);
      match(end.err, why);
    };
    await refused(["login", "unix:///x"], 64, /needs no login/);
    await refused(["login", "http://x"], 64, /plain HTTP/);
    await refused(["login", "https://x"], 64, /fingerprint is missing/);
    await refused(["login", "https://x", "--fingerprint", "ab"], 64, /64 hexadecimal digits/);
    await refused(["login", "https://x", "--code", "ABC"], 64, /not taken from arguments/);
    await refused(["login", "https://user@x", "--fingerprint", "0".repeat(64)], 64, /user or a password/);
    await refused(["context", "set", "x", "--address", "unix:///a"], 0, /^$/);
    await refused(["login", "https://x", "--fingerprint", "0".repeat(64)], 78, /has another address/);
    const unreachable = ["login", "https://127.0.0.1:1", "--fingerprint", "0".repeat(64)];
    await refused(unreachable, 69, /nothing listens there/);
  });
});

Deno.test("an address with TLS and without a context names the login", async () => {
  await withHome(async (variables) => {
    const end = await runClectl(["whoami"], { variables: { ...variables, CLECTL_ADDRESS: "https://x:8300" } });
    equal(end.status, 78);
    ok(end.err.includes('log in with "clectl login https://x:8300 --fingerprint HEX"'), end.err);
  });
});
