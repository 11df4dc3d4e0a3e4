import { openVaultTransit } from "../../lib/provider/vault_transit/provider.ts";
import { Secret, type SecretSource } from "../../lib/base/secret.ts";
import { startTransitServer, type TransitFault, type TransitServer } from "../support/transit_server.ts";
import { VaultAgentDouble } from "../support/vault_agent_double.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance, loginConformance } from "./conformance.ts";

const key = "kubernetes";

function known(value: () => string): SecretSource {
  return { description: "a value of this test", read: () => Promise.resolve(new Secret(value())) };
}

function fault(what: string, of: TransitFault): FaultVariant<TransitServer> {
  return {
    what,
    on: (vault) => {
      vault.fault = of;
      return Promise.resolve({
        [Symbol.asyncDispose]: () => {
          vault.fault = undefined;
          // A refused secret ID is not sent again soon, so a different one makes the login succeed again.
          if (of.kind === "refused_login") vault.secretId = crypto.randomUUID();
          return Promise.resolve();
        },
      });
    },
  };
}

const answers = (status: number, why: string, retryAfter?: string) =>
  fault(`${status} ${why}`, { kind: "status", status, why, ...(retryAfter === undefined ? {} : { retryAfter }) });

const garbage = (text: string) => fault(text === "" ? "nothing" : text, { kind: "garbage", text });

const bench: ConformanceBench<TransitServer> = {
  proves: { kind: "vault-transit", engine: "double", auth: "approle", key: "aes256-gcm96" },
  async start() {
    const vault = await startTransitServer();
    vault.transit.create(key);
    return vault;
  },
  open: (vault) =>
    openVaultTransit({
      kind: "vault-transit",
      name: "vault-eu",
      addresses: [vault.address],
      mount: "transit",
      key,
      auth: {
        method: "approle",
        mount: "approle",
        roleId: known(() => vault.roleId),
        secretId: known(() => vault.secretId),
        wrapped: false,
      },
      tls: {},
    }, { notify: () => {} }),
  rotate: (vault) => {
    vault.advance(1);
    return Promise.resolve(vault.transit.rotate(key));
  },
  disable: (vault) => {
    vault.transit.rotate(key);
    return Promise.resolve(vault.transit.configure(key, { minDecryption: vault.transit.latest(key) }));
  },
  remove: (vault) => Promise.resolve(vault.transit.delete(key)),
  recreate: (vault) => {
    // Vault gives the creation time of a version in whole seconds.
    vault.advance(1);
    return Promise.resolve(vault.transit.create(key));
  },
  faults: {
    "refused login": [fault("tokens revoked, AppRole refused", { kind: "refused_login" })],
    "withdrawn right": [fault("403", { kind: "denied" })],
    "throttling": [
      answers(429, "rate limit quota exceeded"),
      answers(429, "rate limit quota exceeded, try later", "1"),
    ],
    "5xx": [
      answers(503, "Vault is sealed"),
      answers(500, "internal error"),
      answers(502, "bad gateway"),
      answers(473, "performance standby"),
    ],
    "hang": [fault("no answer", { kind: "hang" })],
    "half an answer": [fault("the connection is cut", { kind: "half" })],
    "garbage answer": [
      "",
      "<html>welcome</html>",
      "null",
      "[]",
      "{}",
      '{"data":null}',
      '{"data":{}}',
      '{"data":{"batch_results":[]}}',
      '{"data":{"batch_results":[{}]}}',
      '{"data":{"batch_results":[{"ciphertext":7,"plaintext":7,"key_version":"x"}]}}',
      '{"data":{"batch_results":[{"ciphertext":"vault:v1:","plaintext":"!","key_version":1}]}}',
      '{"data":{"batch_results":[{"ciphertext":"vault:v9:AAAA","plaintext":"AAA","key_version":1}]}}',
    ].map(garbage),
  },
};

/** A double of Vault's agent on a Unix socket, in front of one of Vault. */
interface AgentWorld extends AsyncDisposable {
  readonly vault: TransitServer;
  readonly agent: VaultAgentDouble;
}

const elsewhere = { cannot: "not asked of a login" };

const agentBench: ConformanceBench<AgentWorld> = {
  proves: { kind: "vault-transit", engine: "double", auth: "agent", key: "aes256-gcm96" },
  async start() {
    const vault = await startTransitServer();
    vault.transit.create(key);
    const folder = await Deno.makeTempDir();
    const agent = new VaultAgentDouble({ vault: vault.address, token: vault.token, socket: `${folder}/agent.sock` });
    return {
      vault,
      agent,
      async [Symbol.asyncDispose]() {
        await agent[Symbol.asyncDispose]();
        await vault[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
  open: ({ agent }) =>
    openVaultTransit({
      kind: "vault-transit",
      name: "vault-eu",
      addresses: [agent.address],
      mount: "transit",
      key,
      auth: { method: "agent" },
      tls: {},
    }, { notify: () => {} }),
  rotate: elsewhere,
  disable: elsewhere,
  remove: elsewhere,
  recreate: elsewhere,
  faults: {
    "refused login": [{
      what: "the agent's token revoked",
      on: ({ vault }) => fault("the agent's token revoked", { kind: "refused_login" }).on(vault),
    }],
    "withdrawn right": elsewhere,
    "throttling": elsewhere,
    "5xx": elsewhere,
    "hang": elsewhere,
    "half an answer": elsewhere,
    "garbage answer": elsewhere,
  },
};

conformance("vault-transit (double)", bench);
loginConformance("vault-transit by agent (double)", agentBench);
