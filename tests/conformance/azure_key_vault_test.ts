import { openAzure } from "../support/azure_settings.ts";
import { KeyVaultDouble, type VaultFault } from "../support/key_vault_double.ts";
import type { VaultKeyType } from "../support/key_vault_keys.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance } from "./conformance.ts";

const key = "kubernetes";

function fault(what: string, of: VaultFault): FaultVariant<KeyVaultDouble> {
  return {
    what,
    on: (vault) => {
      vault.fault = of;
      return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve(void (vault.fault = undefined)) });
    },
  };
}

const answers = (status: number, code: string, retryAfter?: string) =>
  fault(`${status} ${code}`, { kind: "status", status, code, ...(retryAfter === undefined ? {} : { retryAfter }) });

const garbage = (text: string) => fault(text === "" ? "nothing" : text, { kind: "garbage", text });

const someKid = `https://v.vault.azure.net/keys/${key}/${"0".repeat(32)}`;

function bench(type: VaultKeyType): ConformanceBench<KeyVaultDouble> {
  return {
    start: () => KeyVaultDouble.start(type),
    open: async (vault) => (await openAzure(vault)).provider,
    rotate: async (vault) => {
      // Key Vault tells when a version was made to the second.
      vault.advance(1);
      await vault.keys.create(key, type);
    },
    disable: (vault) => Promise.resolve(vault.keys.change(key, { enabled: false })),
    remove: (vault) => Promise.resolve(vault.keys.delete(key)),
    recreate: async (vault) => {
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

conformance("azure-key-vault (double, RSA)", bench("RSA"));
conformance("azure-key-vault (double, AES in Managed HSM)", bench("oct-HSM"));
