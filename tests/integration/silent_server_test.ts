/**
 * A server that does not answer, does not use TLS or has an expired certificate: the error of each vendor's provider names
 * the server and the cause in one sentence.
 */
import assert from "node:assert/strict";
import { homeRegion } from "../support/aws_double.ts";
import { Authority } from "../support/certificates.ts";
import { gcpKey } from "../support/gcp_double.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { MemorySecret, refusedWith, userpassAuth } from "../support/vault_settings.ts";
import { enforceContract } from "../../lib/provider/enforced_contract.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { openProvider, type ProviderSettings } from "../../lib/provider/registry.ts";
import { Waits } from "../../lib/base/waits.ts";

const authority = new Authority();
const secret = new MemorySecret("canary");

/** The metadata service of the machine, which issues a token to Google's provider. */
function metadataService(): { readonly origin: string } & AsyncDisposable {
  const served = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      Response.json({ access_token: "canary", expires_in: 3600, token_type: "Bearer" }, {
        headers: { "metadata-flavor": "Google" },
      }),
  );
  return { origin: `http://127.0.0.1:${served.addr.port}`, [Symbol.asyncDispose]: () => served.shutdown() };
}

/** The settings of each vendor for a KMS at an origin. */
function vendors(origin: string, caFile: string, metadata: string): readonly ProviderSettings[] {
  const tls = { caFile };
  return [
    {
      kind: "vault-transit",
      name: "vault",
      addresses: [origin],
      mount: "transit",
      key: "kubernetes",
      auth: userpassAuth(),
      tls,
    },
    {
      kind: "aws-kms",
      name: "aws",
      key: `arn:aws:kms:${homeRegion}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
      region: homeRegion,
      encryptionContext: {},
      endpoint: origin,
      stsEndpoint: origin,
      fips: false,
      dualStack: false,
      auth: { method: "access-key", accessKeyId: secret, secretAccessKey: secret },
      tls,
    },
    {
      kind: "azure-key-vault",
      name: "azure",
      vault: origin,
      key: "kubernetes",
      cloud: { resource: origin, authority: origin },
      unwrapAlgorithms: [],
      auth: { method: "client-secret", tenantId: "t", clientId: "c", clientSecret: secret },
      tls,
    },
    {
      kind: "gcp-kms",
      name: "gcp",
      key: gcpKey,
      universeDomain: "googleapis.com",
      endpoints: { kms: origin, oauth: origin, sts: origin, iam: origin },
      context: "",
      auth: { method: "metadata-server", metadata, serviceAccount: "default" },
      tls,
    },
  ];
}

/** Opens the provider of every vendor in turn. */
async function each(origin: string, use: (provider: Provider) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const caFile = `${folder}/ca.pem`;
    await Deno.writeTextFile(caFile, authority.certificate);
    await using metadata = metadataService();
    for (const settings of vendors(origin, caFile, metadata.origin)) {
      const context = { notify: () => {}, waits: new Waits() };
      await using provider = enforceContract(await openProvider(settings, context), context);
      await use(provider);
    }
  });
}

Deno.test("every vendor reports a server that does not answer with its address and the seconds, for logins too", async () => {
  const pair = authority.issue({ commonName: "kms", names: ["127.0.0.1"] });
  const closing = new AbortController();
  const silence = new Promise<Response>((resolve) => {
    closing.signal.addEventListener("abort", () => resolve(new Response(null, { status: 599 })));
  });
  const options = { hostname: "127.0.0.1", port: 0, cert: pair.certificate, key: pair.key, onListen() {} };
  const server = Deno.serve(options, () => silence);
  const origin = `https://127.0.0.1:${server.addr.port}`;
  const sentence = new RegExp(
    `^Cannot probe provider "\\w+": [A-Z][\\w ]+ at ${origin} did not answer within \\d(\\.\\d)? s\\.$`,
  );
  try {
    await each(origin, async (provider) => {
      const call = { signal: AbortSignal.timeout(1000) };
      await assert.rejects(provider.probe(call), refusedWith("deadline_exceeded", sentence), provider.kind);
    });
  } finally {
    closing.abort();
    await server.shutdown();
  }
});

Deno.test("every vendor reports an expired certificate, and a port without TLS", async () => {
  const pair = authority.issue({ commonName: "kms", names: ["127.0.0.1"], days: -2 });
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using expired = Deno.serve({ ...options, cert: pair.certificate, key: pair.key }, () => new Response());
  await using plain = Deno.serve(options, () => new Response());
  for (
    const [{ port }, sentence] of [
      [expired.addr, /has a certificate that expired at .*: renew the certificate, or set the clock\.$/],
      [plain.addr, /speaks no TLS on this port; write http:\/\/ if it is on this machine/],
    ] as const
  ) {
    await each(`https://127.0.0.1:${port}`, async (provider) => {
      const call = { signal: AbortSignal.timeout(8000) };
      await assert.rejects(provider.probe(call), refusedWith("unreachable", sentence), provider.kind);
    });
  }
});
