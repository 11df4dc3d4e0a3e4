/**
 * Invalid requests to the key service's socket, and their answers.
 *
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { dialKms } from "../../lib/api/kms/client.ts";
import { KmsError } from "../../lib/base/errors.ts";
import type { SopsDecryptRequest, SopsKey } from "../../lib/api/sops/messages.ts";
import { RpcFailure } from "../../lib/net/grpc/status.ts";
import { maxArmour } from "../../lib/services/sops/armour.ts";
import { largestDataKey } from "../../lib/services/sops/handlers.ts";
import { vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { MemoryProvider, memoryProviders } from "../support/memory_provider.ts";
import { startPlugin } from "../support/plugin.ts";
import { grpcFrame, rawCall } from "../support/raw_grpc.ts";
import { type SopsServer, startSopsServer } from "../support/sops_server.ts";

const dataKey = new Uint8Array(32).fill(9);
const signal = { signal: new AbortController().signal };
const key = { vault_key: vaultKeyOf("default") };

async function encrypted({ client }: SopsServer): Promise<SopsDecryptRequest> {
  return { key, ...await client.sops.Encrypt({ key, plaintext: dataKey }, signal) };
}

/** Checks that the next valid request works. */
async function stillWell(server: SopsServer): Promise<void> {
  const { plaintext } = await server.client.sops.Decrypt(await encrypted(server), signal);
  deepEqual(new Uint8Array(plaintext), dataKey);
}

/** Checks that a call is refused with this status and one sentence, and that its event has the same. */
async function refused(server: SopsServer, status: string, work: () => Promise<unknown>): Promise<void> {
  const rpcs = () => server.events.filter((event) => event.type === "rpc");
  const before = rpcs().length;
  await rejects(work(), (error) => {
    ok(error instanceof KmsError && error.cause instanceof RpcFailure);
    equal(error.cause.status, status);
    ok(/^Cannot [^\n]*\.$/.test(error.cause.message), error.cause.message);
    return true;
  });
  const [event, ...others] = rpcs().slice(before);
  ok(event !== undefined && event.api === "sops" && event.result !== "ok");
  equal(others.length, 0);
}

Deno.test("data keys of the sizes that sops uses are encrypted, and the answer is text for every file format", async () => {
  await using server = await startSopsServer(memoryProviders("a", "b"));
  for (const size of [1, 32, 33, largestDataKey]) {
    const plaintext = new Uint8Array(size).fill(size);
    const { ciphertext } = await server.client.sops.Encrypt({ key, plaintext }, signal);
    ok(/^trousseau:1:[A-Za-z0-9+/=]+$/.test(new TextDecoder("utf-8", { fatal: true }).decode(ciphertext)));
    deepEqual(new Uint8Array((await server.client.sops.Decrypt({ key, ciphertext }, signal)).plaintext), plaintext);
  }
});

Deno.test("a data key that is empty or too large is refused", async () => {
  await using server = await startSopsServer(memoryProviders("a"));
  for (const size of [0, largestDataKey + 1, 4096, 1_000_000]) {
    const plaintext = new Uint8Array(size);
    await refused(server, "INVALID_ARGUMENT", () => server.client.sops.Encrypt({ key, plaintext }, signal));
  }
  await stillWell(server);
});

Deno.test("a ciphertext that is empty, oversized, truncated, flipped, foreign or of another key is refused", async () => {
  await using server = await startSopsServer(memoryProviders("a", "b"));
  const good = await encrypted(server);
  const { ciphertext } = good;
  const text = (value: string) => new TextEncoder().encode(value);
  const changed: Partial<SopsDecryptRequest>[] = [
    { ciphertext: new Uint8Array(0) },
    { ciphertext: new Uint8Array(maxArmour + 1).fill(0x41) },
    { ciphertext: ciphertext.slice(0, -4) },
    { ciphertext: ciphertext.slice(1) },
    { ciphertext: ciphertext.map((byte, i) => i === 60 ? byte === 0x41 ? 0x42 : 0x41 : byte) },
    { ciphertext: ciphertext.map((byte, i) => i === ciphertext.length - 9 ? byte === 0x41 ? 0x42 : 0x41 : byte) },
    { ciphertext: text("vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==") },
    { ciphertext: text("trousseau:1:") },
    { ciphertext: dataKey },
    { key: { vault_key: vaultKeyOf("other") } },
  ];
  for (const part of changed) {
    await refused(server, "INVALID_ARGUMENT", () => server.client.sops.Decrypt({ ...good, ...part }, signal));
  }
  const { refused: counted, failing } = server.service.peek().decrypts;
  // Nothing at all, and the armour of nothing, are one.
  equal(counted.reduce((sum, { envelopes }) => sum + envelopes, 0), changed.length - 1);
  equal(failing, false);
  await stillWell(server);
});

Deno.test("keys of other kinds are refused by name, without a request to a KMS", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using server = await startSopsServer([a]);
  const { ciphertext } = await encrypted(server);
  const before = { ...a.calls };
  const others: readonly [SopsKey, string][] = [
    [{ kms_key: { arn: "arn:aws:kms:eu-central-1:1:key/1", context: { a: "b" } } }, "NOT_FOUND"],
    [{ pgp_key: { fingerprint: "AA" } }, "NOT_FOUND"],
    [{ gcp_kms_key: { resource_id: "projects/p" } }, "NOT_FOUND"],
    [{ azure_keyvault_key: { vault_url: "https://v.vault.azure.net" } }, "NOT_FOUND"],
    [{ age_key: { recipient: "age1" } }, "NOT_FOUND"],
    [{ hckms_key: { key_id: "r:1" } }, "NOT_FOUND"],
    [{ vault_key: { ...vaultKeyOf("default"), vault_address: "https://vault.example.com:8200" } }, "NOT_FOUND"],
    [{ vault_key: vaultKeyOf("unknown") }, "NOT_FOUND"],
    [{}, "INVALID_ARGUMENT"],
  ];
  for (const [key, status] of others) {
    await refused(server, status, () => server.client.sops.Encrypt({ key, plaintext: dataKey }, signal));
    await refused(server, status, () => server.client.sops.Decrypt({ key, ciphertext }, signal));
  }
  deepEqual(a.calls, before);
  await stillWell(server);
});

Deno.test("any bytes in place of a message are answered, never with Unknown or Internal", async () => {
  await using server = await startSopsServer(memoryProviders("a"));
  const paths = fc.constantFrom("/KeyService/Encrypt", "/KeyService/Decrypt");
  await fc.assert(
    fc.asyncProperty(paths, fc.uint8Array({ maxLength: 300 }), async (path, message) => {
      const answer = await rawCall(server.path, { path, authority: "localhost", frame: grpcFrame(message) });
      ok(["3", "5"].includes(answer.status), `${answer.status} ${answer.message}`);
    }),
    { numRuns: 100 },
  );
  await stillWell(server);
});

Deno.test("two keys in one request, which protobuf would merge, are refused", async () => {
  await using server = await startSopsServer(memoryProviders("a"));
  const age = [0x0a, 0x04, 0x32, 0x02, 0x0a, 0x00];
  const frame = grpcFrame(Uint8Array.of(...age, ...age));
  const answer = await rawCall(server.path, { path: "/KeyService/Encrypt", authority: "localhost", frame });
  equal(answer.status, "3");
  const last = server.events.at(-1);
  ok(last?.type === "rpc" && last.api === "sops" && last.operation === "encrypt" && last.result === "request_invalid");
  await stillWell(server);
});

Deno.test("every form of :authority that sops may send is accepted", async () => {
  await using server = await startSopsServer(memoryProviders("a"));
  const frame = grpcFrame(new Uint8Array(0));
  for (const authority of ["localhost", encodeURIComponent(server.path), "127.0.0.1"]) {
    const answer = await rawCall(server.path, { path: "/KeyService/Encrypt", authority, frame });
    equal(answer.status, "3", authority);
  }
});

Deno.test("a failed provider is reported with its name and reason, and with the status of the table", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using server = await startSopsServer([a]);
  for (const [fault, status] of [["unreachable", "UNAVAILABLE"], ["permission_denied", "PERMISSION_DENIED"]] as const) {
    a.faults.set("all", fault);
    await rejects(server.client.sops.Encrypt({ key, plaintext: dataKey }, signal), (error) => {
      ok(error instanceof KmsError && error.cause instanceof RpcFailure);
      return error.cause.status === status && error.cause.message.includes('provider "a"');
    });
  }
  a.faults.clear();
  await stillWell(server);
});

Deno.test("a call in flight is answered while the server stops", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using server = await startSopsServer([a]);
  const sealed = await encrypted(server);
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const unwrap = a.unwrap.bind(a);
  a.unwrap = async (wrapped, call) => {
    asked.resolve();
    await gate.promise;
    return await unwrap(wrapped, call);
  };
  const inFlight = server.client.sops.Decrypt(sealed, signal);
  await asked.promise;
  const stopped = server.server.shutdown(10_000);
  gate.resolve();
  deepEqual(new Uint8Array((await inFlight).plaintext), dataKey);
  await stopped;
});

Deno.test("the sockets of the plugin and of the key service do not serve each other's services", async () => {
  await using server = await startSopsServer(memoryProviders("a"));
  await using plugin = await startPlugin();
  await using kms = dialKms(server.path);
  await rejects(kms.v2.Status({}, signal), /UNIMPLEMENTED/);
  await rejects(
    kms.v2.Decrypt({ ciphertext: dataKey, key_id: "t1-0", annotations: {}, uid: "u" }, signal),
    /UNIMPLEMENTED/,
  );
  await rejects(kms.v1beta1.Decrypt({ version: "v1beta1", cipher: dataKey }, signal), /UNIMPLEMENTED/);
  const frame = grpcFrame(new Uint8Array(0));
  const answer = await rawCall(plugin.path, { path: "/KeyService/Decrypt", authority: "localhost", frame });
  equal(answer.status, "12");
});
