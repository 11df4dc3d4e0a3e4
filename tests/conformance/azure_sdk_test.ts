/**
 * Microsoft's client libraries and the provider against the same double: each unwraps the other's wraps.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ClientAssertionCredential, ClientSecretCredential, WorkloadIdentityCredential } from "@azure/identity";
import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";
import { assertion } from "../../lib/provider/azure_key_vault/assertion.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { openAzure } from "../support/azure_settings.ts";
import { rsaPair } from "../support/certificates.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { newDek, probe, refuses, unwrap, wrap } from "./stage.ts";

type Credential = ConstructorParameters<typeof KeyClient>[1];

/** A credential whose token nobody had to log in for. */
function held(double: KeyVaultDouble): Credential {
  const token = double.entra.give(double.vault);
  return { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}

/** 127.0.0.1 lies in no domain, which is all that the library's check of the challenge wants to see. */
function options(double: KeyVaultDouble) {
  return {
    serviceVersion: "7.4",
    disableChallengeResourceVerification: true,
    tlsOptions: { ca: double.authority.certificate },
    retryOptions: { maxRetries: 0 },
  } as const;
}

function keyClient(double: KeyVaultDouble, credential = held(double)): KeyClient {
  return new KeyClient(double.vault, credential, options(double));
}

function cryptography(double: KeyVaultDouble, kid: string, credential = held(double)): CryptographyClient {
  return new CryptographyClient(kid, credential, options(double));
}

// The libraries keep connections open and have no method to close them.
const unwatched = { sanitizeResources: false, sanitizeOps: false } as const;

function crosswise(name: string, work: (double: KeyVaultDouble, provider: Provider) => Promise<void>): void {
  Deno.test({
    name: `azure-key-vault and @azure/keyvault-keys: ${name}`,
    ...unwatched,
    fn: async () => {
      await using double = await KeyVaultDouble.start();
      await using provider = (await openAzure(double)).provider;
      await work(double, provider);
    },
  });
}

crosswise("each opens what the other wrapped with RSA-OAEP-256", async (double, provider) => {
  const state = await probe(provider);
  const client = cryptography(double, state.version);
  for (const length of [1, 32, 47, 64]) {
    const dek = newDek(length);
    const theirs = await client.wrapKey("RSA-OAEP-256", dek);
    assert.equal(theirs.keyID, state.version);
    assert.deepEqual(
      await unwrap(provider, { version: state.version, ciphertext: new Uint8Array(theirs.result) }),
      dek,
    );
    const ours = await wrap(provider, dek, state);
    assert.deepEqual(new Uint8Array((await client.unwrapKey("RSA-OAEP-256", ours.ciphertext)).result), dek);
  }
});

crosswise("a key without a version is wrapped with by its newest version, for both", async (double, provider) => {
  const before = await probe(provider);
  const versionless = cryptography(double, `${double.vault}/keys/kubernetes`);
  double.advance(1);
  const rotated = await keyClient(double).rotateKey("kubernetes");
  const after = await probe(provider);
  assert.notEqual(after.version, before.version);
  assert.deepEqual([after.version, after.order], [rotated.id, Number(rotated.properties.createdOn) / 1000]);
  double.requests.length = 0;
  const dek = newDek();
  const theirs = new Uint8Array((await versionless.wrapKey("RSA-OAEP-256", dek)).result);
  // The library does not return the version that was used. That this version unwraps is the only evidence.
  assert.deepEqual(await unwrap(provider, { version: after.version, ciphertext: theirs }), dek);
  assert.ok(double.requests.some(({ path }) => path === "/keys/kubernetes//wrapkey"), JSON.stringify(double.requests));
});

crosswise("what the library reads of a key is what the provider goes by", async (double, provider) => {
  const state = await probe(provider);
  const key = await keyClient(double).getKey("kubernetes");
  assert.deepEqual([key.id, key.keyType, key.properties.enabled], [state.version, "RSA", true]);
  assert.equal(key.properties.createdOn && key.properties.createdOn.getTime() / 1000, state.order);
});

crosswise("the library meets the same refusals", async (double, provider) => {
  const state = await probe(provider);
  const client = cryptography(double, state.version);
  const wrapped = await wrap(provider, newDek(), state);
  const spoiled = wrapped.ciphertext.slice();
  spoiled[7] = (spoiled[7] ?? 0) ^ 1;
  await assert.rejects(client.unwrapKey("RSA-OAEP-256", spoiled), { statusCode: 400, code: "BadParameter" });
  double.keys.change("kubernetes", { enabled: false });
  await assert.rejects(client.unwrapKey("RSA-OAEP-256", wrapped.ciphertext), { statusCode: 403, code: "Forbidden" });
  double.keys.purge("kubernetes");
  await assert.rejects(keyClient(double).getKey("kubernetes"), { statusCode: 404, code: "KeyNotFound" });
});

crosswise("old algorithms are opened where the settings say so, and only there", async (double, strict) => {
  const { version } = await probe(strict);
  await using provider = (await openAzure(double, { unwrapAlgorithms: ["RSA-OAEP", "RSA1_5"] })).provider;
  const client = cryptography(double, version);
  for (const algorithm of ["RSA-OAEP", "RSA1_5"] as const) {
    const dek = newDek(47);
    const wrapped = { version, ciphertext: new Uint8Array((await client.wrapKey(algorithm, dek)).result) };
    assert.deepEqual(await unwrap(provider, wrapped), dek, algorithm);
    await refuses(strict, unwrap(strict, wrapped), ["integrity"], algorithm, [dek]);
  }
});

Deno.test({
  name: "azure-key-vault and @azure/keyvault-keys: each opens what the other wrapped with A256KW",
  ...unwatched,
  fn: async () => {
    await using double = await KeyVaultDouble.start("oct-HSM");
    await using provider = (await openAzure(double)).provider;
    const state = await probe(provider);
    const client = cryptography(double, state.version);
    const dek = newDek(47);
    const ours = await wrap(provider, dek, state);
    const frame = new Uint8Array((await client.unwrapKey("A256KW", ours.ciphertext)).result);
    assert.deepEqual([frame.length, frame[16], frame.slice(17)], [64, 47, dek]);
    const theirs = new Uint8Array((await client.wrapKey("A256KW", frame)).result);
    assert.deepEqual(theirs, ours.ciphertext, "AES-KW gives equal outputs for equal inputs");
    assert.deepEqual(await unwrap(provider, { version: state.version, ciphertext: theirs }), dek);
    frame[63] = 1;
    const none = new Uint8Array((await client.wrapKey("A256KW", frame.slice(0, 56))).result);
    await refuses(provider, unwrap(provider, { version: state.version, ciphertext: none }), ["integrity"], "no frame");
  },
});

Deno.test({
  name: "@azure/identity logs in at the double by each way that the provider has, and its token is taken",
  ...unwatched,
  fn: async () => {
    await using double = await KeyVaultDouble.start();
    await inFolder(async (folder) => {
      const { entra } = double;
      const pair = rsaPair("trousseau");
      entra.certificate = pair.certificate;
      await Deno.writeTextFile(`${folder}/app.pem`, pair.certificate + pair.key);
      await Deno.writeTextFile(`${folder}/token`, entra.federatedToken);
      const shared = {
        authorityHost: double.login,
        disableInstanceDiscovery: true,
        tlsOptions: { ca: double.authority.certificate },
      } as const;
      const identity = { tenantId: entra.tenantId, clientId: entra.clientId, tokenFilePath: `${folder}/token` };
      const asserted = {
        clientId: entra.clientId,
        audience: `${double.login}/${entra.tenantId}/oauth2/v2.0/token`,
        certificateFile: `${folder}/app.pem`,
        sendChain: false,
      };
      const ourJwt = async () => (await assertion(asserted, Date.now(), "log in")).jwt;
      const credentials = [
        new ClientSecretCredential(entra.tenantId, entra.clientId, entra.clientSecret, shared),
        // Its ClientCertificateCredential needs certificate and key in one file, which Deno's createPrivateKey cannot read.
        new ClientAssertionCredential(entra.tenantId, entra.clientId, ourJwt, shared),
        new WorkloadIdentityCredential({ ...identity, ...shared }),
      ];
      for (const credential of credentials) {
        const key = await keyClient(double, credential).getKey("kubernetes");
        assert.equal(key.id, double.keys.kid("kubernetes"));
      }
      assert.deepEqual([...entra.tokens.values()].map(({ by }) => by), [
        "client-secret",
        "client-certificate",
        "workload-identity",
      ]);
    });
  },
});
