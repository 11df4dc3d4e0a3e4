/**
 * Google's client libraries and the provider against the same double: each unwraps the other's wraps.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KeyManagementServiceClient } from "@google-cloud/kms";
import { type BaseExternalAccountClient, ExternalAccountClient, JWT, OAuth2Client } from "google-auth-library";
import { utf8 } from "../../lib/base/bytes.ts";
import { crc32c } from "../../lib/provider/gcp_kms/crc32c.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { GcpDouble, gcpKey } from "../support/gcp_double.ts";
import { scope } from "../support/gcp_logins.ts";
import { openGcp } from "../support/gcp_settings.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { newDek, probe, refuses, unwrap, wrap } from "./stage.ts";

/** The client over REST, with a token that nobody had to log in for. Its gRPC wants a server of TLS and HTTP/2. */
function clientOf(double: GcpDouble): KeyManagementServiceClient {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: double.logins.give(), expiry_date: Date.now() + 3_600_000 });
  const { hostname, port } = new URL(double.endpoint);
  const options = { fallback: true, protocol: "http", apiEndpoint: hostname, port: Number(port) } as const;
  return new KeyManagementServiceClient({ ...options, authClient, projectId: "my-project" });
}

const checksum = (bytes: Uint8Array) => ({ value: crc32c(bytes) });

async function theirWrap(client: KeyManagementServiceClient, name: string, dek: Uint8Array, bound: Uint8Array) {
  const [answer] = await client.encrypt({
    name,
    plaintext: dek,
    plaintextCrc32c: checksum(dek),
    additionalAuthenticatedData: bound,
    additionalAuthenticatedDataCrc32c: checksum(bound),
  });
  assert.equal(answer.verifiedPlaintextCrc32c, true);
  assert.equal(answer.verifiedAdditionalAuthenticatedDataCrc32c, true);
  const ciphertext = bytesOf(answer.ciphertext);
  assert.equal(Number(answer.ciphertextCrc32c?.value), crc32c(ciphertext));
  return { version: String(answer.name), ciphertext };
}

async function theirUnwrap(client: KeyManagementServiceClient, ciphertext: Uint8Array, bound: Uint8Array) {
  const [answer] = await client.decrypt({
    name: gcpKey,
    ciphertext,
    ciphertextCrc32c: checksum(ciphertext),
    additionalAuthenticatedData: bound,
    additionalAuthenticatedDataCrc32c: checksum(bound),
  });
  const plaintext = bytesOf(answer.plaintext);
  assert.equal(Number(answer.plaintextCrc32c?.value), crc32c(plaintext));
  return plaintext;
}

function bytesOf(value: Uint8Array | string | null | undefined): Uint8Array {
  assert.ok(value instanceof Uint8Array);
  return new Uint8Array(value);
}

// The libraries keep connections open and have no method to close them.
const unwatched = { sanitizeResources: false, sanitizeOps: false } as const;

type Crosswise = (double: GcpDouble, provider: Provider, client: KeyManagementServiceClient) => Promise<void>;

function crosswise(name: string, context: string, work: Crosswise): void {
  Deno.test({
    name: `gcp-kms and @google-cloud/kms: ${name}`,
    ...unwatched,
    fn: async () => {
      await using double = await GcpDouble.start();
      await using provider = (await openGcp(double, { context })).provider;
      const client = clientOf(double);
      await work(double, provider, client);
      await client.close();
    },
  });
}

crosswise("each opens what the other wrapped, bound to the version's name", "", async (_double, provider, client) => {
  const state = await probe(provider);
  const bound = utf8(state.version);
  for (const length of [1, 32, 47, 64]) {
    const dek = newDek(length);
    const theirs = await theirWrap(client, state.version, dek, bound);
    assert.equal(theirs.version, state.version);
    assert.deepEqual(await unwrap(provider, theirs), dek);
    assert.deepEqual(await theirUnwrap(client, (await wrap(provider, dek, state)).ciphertext, bound), dek);
  }
});

crosswise("the same with additional data of the operator's behind the name", "prod", async (_, provider, client) => {
  const state = await probe(provider);
  const bound = utf8(`${state.version}\nprod`);
  const dek = newDek();
  assert.deepEqual(await unwrap(provider, await theirWrap(client, state.version, dek, bound)), dek);
  const ours = await wrap(provider, dek, state);
  assert.deepEqual(await theirUnwrap(client, ours.ciphertext, bound), dek);
  await assert.rejects(theirUnwrap(client, ours.ciphertext, utf8(state.version)), { code: 3 });
});

crosswise("a key is encrypted with by its primary version, and a version by itself", "", async (
  double,
  provider,
  client,
) => {
  const before = await probe(provider);
  double.keys.rotate(gcpKey);
  const after = await probe(provider);
  const dek = newDek();
  assert.equal((await theirWrap(client, gcpKey, dek, utf8("x"))).version, after.version);
  const pinned = await theirWrap(client, before.version, dek, utf8(before.version));
  assert.equal(pinned.version, before.version);
  assert.deepEqual(await unwrap(provider, pinned), dek);
  const ours = await wrap(provider, dek, before);
  assert.deepEqual(await theirUnwrap(client, ours.ciphertext, utf8(before.version)), dek);
  const [key] = await client.getCryptoKey({ name: gcpKey });
  assert.equal(key.primary?.name, after.version);
});

crosswise("both send the same", "prod", async (double, provider, client) => {
  const state = await probe(provider);
  const dek = newDek();
  double.calls.length = 0;
  await wrap(provider, dek, state);
  await theirWrap(client, state.version, dek, utf8(`${state.version}\nprod`));
  const [ours, theirs] = double.calls.map(({ path, body }) => ({ path, body }));
  assert.deepEqual(ours, theirs);
});

crosswise("the library meets the same refusals", "", async (double, provider, client) => {
  const state = await probe(provider);
  const bound = utf8(state.version);
  const wrapped = await wrap(provider, newDek(), state);
  const spoiled = wrapped.ciphertext.slice();
  spoiled[50] = (spoiled[50] ?? 0) ^ 1;
  await assert.rejects(theirUnwrap(client, spoiled, bound), { code: 3 });
  await refuses(provider, unwrap(provider, { ...wrapped, ciphertext: spoiled }), ["integrity"], "spoiled");
  double.keys.setState(gcpKey, "DISABLED");
  await assert.rejects(theirUnwrap(client, wrapped.ciphertext, bound), { code: 9 });
  await refuses(provider, unwrap(provider, wrapped), ["key_unusable"], "disabled");
  double.keys.delete(gcpKey);
  await assert.rejects(client.getCryptoKey({ name: gcpKey }), { code: 5 });
  await refuses(provider, unwrap(provider, wrapped), ["key_unknown"], "deleted");
  double.fault = { kind: "rights", permissions: [] };
  await assert.rejects(theirUnwrap(client, wrapped.ciphertext, bound), { code: 7, reason: "IAM_PERMISSION_DENIED" });
});

/** For a key of a service account the library knows no other address of OAuth's than Google's own: this is the double's. */
function toDouble(double: GcpDouble): typeof fetch {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : String(input));
    if (url.host === "oauth2.googleapis.com") return fetch(double.endpoint + url.pathname, init);
    if (url.hostname === "127.0.0.1") return fetch(url, init);
    throw new Error(`${url.host} is asked`);
  };
}

function theirLogin(double: GcpDouble, file: string): JWT | BaseExternalAccountClient {
  // For federation the file names the servers.
  const json = JSON.parse(file.replace(/https:\/\/(sts|iamcredentials)\.googleapis\.com/g, double.endpoint));
  const scopes = [scope.kms];
  const { client_email: email, private_key: key } = json;
  const transporterOptions = { fetchImplementation: toDouble(double) };
  const client = email === undefined
    ? ExternalAccountClient.fromJSON({ ...json, scopes })
    : new JWT({ email, key, scopes, transporterOptions });
  assert.ok(client !== null);
  return client;
}

Deno.test({
  name: "google-auth-library logs in at the double with the files that the provider takes, and its token is taken",
  ...unwatched,
  fn: async () => {
    await using double = await GcpDouble.start();
    const { logins } = double;
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/token`, logins.subjectToken);
      const source = { file: `${folder}/token` };
      const acting = { service_account_impersonation_url: logins.impersonationUrl() };
      const fromUrl = {
        url: `${double.metadata}/subject-token`,
        headers: { "X-Asked-By": "trousseau" },
        format: { type: "json", subject_token_field_name: "access_token" },
      };
      const files: readonly (readonly [string, string])[] = [
        ["key", await logins.keyFile()],
        ["federation", logins.federationFile(source)],
        ["federation", logins.federationFile(fromUrl)],
        ["impersonation", logins.federationFile(source, acting)],
      ];
      for (const [by, text] of files) {
        const keyFilename = `${folder}/login.json`;
        await Deno.writeTextFile(keyFilename, text);
        const { token } = await theirLogin(double, text).getAccessToken();
        assert.equal(logins.issued.get(token ?? "")?.by, by);
        assert.deepEqual(logins.issued.get(token ?? "")?.scopes, [scope.kms]);
        const method = by === "key" ? "service-account-key" : "workload-identity";
        const ours = method === "service-account-key"
          ? { method, keyFile: keyFilename } as const
          : { method, credentialsFile: keyFilename } as const;
        await using provider = (await openGcp(double, { auth: ours })).provider;
        await probe(provider);
        assert.equal(logins.issued.get(double.calls.at(-1)?.token ?? "")?.by, by);
      }
    });
  },
});
