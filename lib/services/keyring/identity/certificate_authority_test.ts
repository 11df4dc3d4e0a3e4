import { equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import { join } from "node:path";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { hex } from "../../../base/bytes.ts";
import { systemClock } from "../../../base/clock.ts";
import { CertificateAuthority } from "./certificate_authority.ts";
import { clientPublicKey } from "./certificates.ts";

const never = new AbortController().signal;
const dayMs = 86_400_000;

class TestAuthority extends TestStore {
  readonly ca = new CertificateAuthority(this);
}

function clientKey(type: "ec" | "ed25519" = "ed25519") {
  const { privateKey, publicKey } = type === "ec"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("ed25519");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
  };
}

const subjectOf = (publicKey: Uint8Array) => ({ commonName: "anna", enrolmentId: "ab".repeat(16), publicKey });

const blocks = (pem: string) => pem.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? [];

async function openssl(...args: string[]): Promise<{ readonly success: boolean; readonly text: string }> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", { args }).output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("CertificateAuthority makes one authority, also if two servers are first", async () => {
  await using parts = new TestAuthority();
  await using others = parts.again();
  const { store, clock, ca } = parts;
  const other = new CertificateAuthority(others);
  const [one, two] = await Promise.all([ca.trusted(never), other.trusted(never)]);
  equal(one, two);
  const authority = new X509Certificate(one);
  equal(authority.ca, true);
  equal(Date.parse(authority.validTo) - clock.wall(), 3_652 * dayMs);
  match(authority.subject, new RegExp(hex(store.storeId).slice(0, 16)));
});

Deno.test("CertificateAuthority makes certificates that OpenSSL verifies for their purpose alone", async () => {
  await using parts = new TestAuthority({ clock: systemClock });
  const { store, ca } = parts;
  const server = await ca.serverCertificate(["keys.example.org", "localhost", "192.0.2.7"], never);
  for (const type of ["ec", "ed25519"] as const) {
    const client = await ca.clientCertificate(subjectOf(clientKey(type).spki), Infinity, never);
    await inFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      const [leaf = ""] = blocks(server.chain);
      await Deno.writeTextFile(at("ca.pem"), await ca.trusted(never));
      await Deno.writeTextFile(at("client.pem"), client.certificate);
      await Deno.writeTextFile(at("server.pem"), leaf);
      const verify = (purpose: string, name: string) =>
        openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", at("ca.pem"), at(name));
      const results = [
        await verify("sslclient", "client.pem"),
        await verify("sslserver", "client.pem"),
        await verify("sslserver", "server.pem"),
        await verify("sslclient", "server.pem"),
      ];
      equal(results.map(({ success }) => success).join(), "true,false,true,false", JSON.stringify(results));
      const { text } = await openssl("x509", "-in", at("client.pem"), "-noout", "-text");
      match(text, /CA:FALSE/);
      match(text, /Extended Key Usage: \n\s+TLS Web Client Authentication\n/);
      const names = /Subject Alternative Name: \n\s+(.*)\n/.exec(text)?.[1];
      equal(names, `URI:trousseau://${hex(store.storeId)}/enrolments/${"ab".repeat(16)}`);
      const shown = await openssl("x509", "-in", at("server.pem"), "-noout", "-ext", "subjectAltName,extendedKeyUsage");
      match(shown.text, /DNS:keys\.example\.org, DNS:localhost, IP Address:192\.0\.2\.7/);
      match(shown.text, /\n\s+TLS Web Server Authentication\n/);
    });
  }
});

Deno.test("CertificateAuthority makes certificates for mutual TLS 1.3 with node:tls, in both places right", async () => {
  await using parts = new TestAuthority({ clock: systemClock });
  await using others = new TestAuthority({ clock: systemClock });
  const { ca } = parts;
  const server = await ca.serverCertificate(["localhost"], never);
  const client = clientKey("ec");
  const issued = await ca.clientCertificate(subjectOf(client.spki), Infinity, never);
  const other = await others.ca.clientCertificate(subjectOf(client.spki), Infinity, never);
  const trusted = await ca.trusted(never);
  equal(await handshake(server, trusted, { cert: issued.certificate, key: client.key }), "CN=anna");
  await rejects(
    handshake(server, trusted, { cert: other.certificate, key: client.key }),
    "another store's authority",
  );
  const asClient = { cert: blocks(server.chain)[0] ?? "", key: server.key };
  await rejects(handshake(server, trusted, asClient), "a server's certificate is none of a client");
});

/** The subject that the server saw. */
async function handshake(
  server: { readonly key: string; readonly chain: string },
  ca: string,
  client: { readonly cert: string; readonly key: string },
): Promise<string> {
  const options = { key: server.key, cert: server.chain, ca, requestCert: true, rejectUnauthorized: true };
  const listener = createServer({ ...options, minVersion: "TLSv1.3" }, (socket: TLSSocket) => {
    const { raw } = socket.getPeerCertificate(true) as unknown as { readonly raw: Buffer };
    socket.end(new X509Certificate(raw).subject);
  });
  listener.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { readonly port: number };
  try {
    return await new Promise((resolve, reject) => {
      let text = "";
      const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca, ...client });
      socket.on("data", (bytes: Buffer) => text += bytes.toString());
      socket.on("error", reject);
      socket.on("close", () => text === "" ? reject(new Error("closed")) : resolve(text));
    });
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
}

Deno.test("CertificateAuthority limits certificates to a week, 90 days, and the end that is given", async () => {
  const clock = new FakeClock();
  await using parts = new TestAuthority({ clock });
  const { ca } = parts;
  const { spki } = clientKey();
  equal((await ca.clientCertificate(subjectOf(spki), Infinity, never)).notAfter - clock.wall(), 7 * dayMs);
  const short = await ca.clientCertificate(subjectOf(spki), clock.wall() + dayMs, never);
  equal(Date.parse(new X509Certificate(short.certificate).validTo), clock.wall() + dayMs);
  equal((await ca.serverCertificate(["x"], never)).notAfter - clock.wall(), 90 * dayMs);
});

Deno.test("CertificateAuthority.rotate() runs two authorities for 90 days", async () => {
  const clock = new FakeClock();
  await using parts = new TestAuthority({ clock });
  const { ca } = parts;
  const old = await ca.trusted(never);
  const both = await ca.rotate(never);
  equal(blocks(both).length, 2);
  equal(blocks(both)[1], old);
  const issuer = async () => blocks((await ca.serverCertificate(["x"], never)).chain)[1];
  const { certificate } = await ca.clientCertificate(subjectOf(clientKey().spki), Infinity, never);
  ok(
    new X509Certificate(certificate).verify(new X509Certificate(blocks(both)[0] ?? "").publicKey),
    "people: the newest",
  );
  equal(await issuer(), old, "servers: the oldest, so that clients learn the new one first");
  const { notAfter } = await ca.serverCertificate(["x"], never);
  equal(notAfter - clock.wall(), 90 * dayMs);
  await clock.advance(61 * dayMs);
  equal(await ca.trusted(never), both);
  notEqual(await issuer(), old, "a server's certificate does not outlast the trust in its authority by renewal");
  await clock.advance(29 * dayMs);
  equal(await ca.trusted(never), blocks(both)[0]);
  equal(blocks(await ca.rotate(never)).length, 2, "a retired authority is removed");
});

Deno.test("clientPublicKey() takes P-256 and Ed25519 keys and nothing else", () => {
  for (const type of ["ec", "ed25519"] as const) {
    const { spki } = clientKey(type);
    equal(Buffer.compare(clientPublicKey(spki) ?? new Uint8Array(), spki), 0);
    equal(clientPublicKey(spki.subarray(1)), undefined);
    equal(clientPublicKey(new Uint8Array([...spki, 0]))?.length ?? spki.length, spki.length);
  }
  const others = [
    generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey,
    generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey,
    generateKeyPairSync("x25519").publicKey,
  ];
  for (const key of others) {
    equal(clientPublicKey(new Uint8Array(key.export({ type: "spki", format: "der" }))), undefined);
  }
  equal(clientPublicKey(new Uint8Array(10_000)), undefined);
  equal(clientPublicKey(new Uint8Array()), undefined);
});
