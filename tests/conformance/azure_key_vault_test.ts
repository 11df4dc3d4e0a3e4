import { join } from "node:path";
import type { AzureAuth } from "../../lib/provider/azure_key_vault/settings.ts";
import { openAzure, secretAuth } from "../support/azure_settings.ts";
import { rsaPair } from "../support/certificates.ts";
import { KeyVaultDouble, type VaultFault } from "../support/key_vault_double.ts";
import type { VaultKeyType } from "../support/key_vault_keys.ts";
import { fileSecret } from "../support/vault_settings.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance, loginConformance } from "./conformance.ts";

const key = "kubernetes";

/** A vault, and a folder for what a login refers to. */
interface Site extends AsyncDisposable {
  readonly vault: KeyVaultDouble;
  readonly folder: string;
}

type Method = AzureAuth["method"];

/** How an operator would set each method up. */
const logins: { readonly [Name in Method]: (site: Site) => Promise<AzureAuth> } = {
  "client-secret": ({ vault }) => Promise.resolve(secretAuth(vault)),
  "client-certificate": async ({ vault: { entra }, folder }) => {
    const certificateFile = join(folder, "app.pem");
    // All opened providers have the same application.
    if (entra.certificate === undefined) {
      const pair = rsaPair("trousseau");
      await Deno.writeTextFile(certificateFile, pair.certificate + pair.key);
      entra.certificate = pair.certificate;
    }
    const { tenantId, clientId } = entra;
    return { method: "client-certificate", tenantId, clientId, certificateFile, sendChain: false };
  },
  "managed-identity": ({ vault: { metadata } }) => Promise.resolve({ method: "managed-identity", metadata }),
  "azure-arc": ({ vault: { entra, metadata }, folder }) => {
    entra.arcFolder = folder;
    return Promise.resolve({ method: "azure-arc", metadata, keyFolder: folder });
  },
  "workload-identity": async ({ vault: { entra: { tenantId, clientId, federatedToken } }, folder }) => {
    await Deno.writeTextFile(join(folder, "token"), federatedToken);
    return { method: "workload-identity", tenantId, clientId, token: fileSecret(join(folder, "token")) };
  },
};

async function newSite(type: VaultKeyType): Promise<Site> {
  const [vault, folder] = [await KeyVaultDouble.start(type), await Deno.makeTempDir()];
  return {
    vault,
    folder,
    async [Symbol.asyncDispose]() {
      await vault[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function fault(what: string, of: VaultFault): FaultVariant<Site> {
  return {
    what,
    on: ({ vault }) => {
      vault.fault = of;
      return Promise.resolve({
        [Symbol.asyncDispose]: () => {
          vault.fault = undefined;
          // A refused client secret is not sent again soon, so a different one makes the login succeed again.
          if (of.kind === "refused_login") vault.entra.renewSecret();
          return Promise.resolve();
        },
      });
    },
  };
}

const answers = (status: number, code: string, retryAfter?: string) =>
  fault(`${status} ${code}`, { kind: "status", status, code, ...(retryAfter === undefined ? {} : { retryAfter }) });

const garbage = (text: string) => fault(text === "" ? "nothing" : text, { kind: "garbage", text });

const someKid = `https://v.vault.azure.net/keys/${key}/${"0".repeat(32)}`;

const keyKinds = { "RSA": "RSA", "oct-HSM": "AES-256 in Managed HSM" } as const satisfies Partial<
  Record<VaultKeyType, string>
>;

function bench(type: keyof typeof keyKinds, method: Method): ConformanceBench<Site> {
  return {
    proves: { kind: "azure-key-vault", engine: "double", auth: method, key: keyKinds[type] },
    start: () => newSite(type),
    open: async (site) => (await openAzure(site.vault, { auth: await logins[method](site) })).provider,
    rotate: async ({ vault }) => {
      // Key Vault gives the creation time of a version in whole seconds.
      vault.advance(1);
      await vault.keys.create(key, type);
    },
    disable: ({ vault }) => Promise.resolve(vault.keys.change(key, { enabled: false })),
    remove: ({ vault }) => Promise.resolve(vault.keys.delete(key)),
    recreate: async ({ vault }) => {
      vault.advance(1);
      vault.keys.purge(key);
      await vault.keys.create(key, type);
    },
    faults: {
      "refused login": [fault("tokens revoked, secret expired", { kind: "refused_login" })],
      "withdrawn right": [fault("no role", { kind: "rights", actions: [] })],
      "throttling": [answers(429, "Throttled"), answers(429, "Throttled", "1")],
      "5xx": [
        answers(500, "InternalServerError"),
        answers(502, "BadGateway"),
        answers(503, "ServiceUnavailable"),
        answers(504, "GatewayTimeout"),
      ],
      "hang": [fault("no answer", { kind: "hang" })],
      "half an answer": [fault("the connection is cut", { kind: "half" })],
      "garbage answer": [
        "",
        "<html>welcome</html>",
        "null",
        "[]",
        "{}",
        '{"kid":null,"value":null}',
        '{"kid":"x","value":"AAAA"}',
        `{"kid":"${someKid}","value":"AAAA"}`,
        `{"kid":"${someKid}","value":"!"}`,
        `{"kid":"${someKid}","value":7}`,
        `{"key":{"kid":"${someKid}","kty":"RSA"},"attributes":{"created":"soon"}}`,
      ].map(garbage),
    },
  };
}

conformance("azure-key-vault (double, RSA)", bench("RSA", "client-secret"));
conformance("azure-key-vault (double, AES in Managed HSM)", bench("oct-HSM", "client-secret"));
for (const method of Object.keys(logins) as Method[]) {
  if (method === "client-secret") continue;
  loginConformance(`azure-key-vault by ${method} (double)`, bench("RSA", method));
}
