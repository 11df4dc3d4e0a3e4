import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { Event } from "../../telemetry/events.ts";
import { FakeService, wellStatus } from "../../../tests/support/fake_service.ts";
import type { QuorumState, ServiceStatus } from "./service.ts";
import { type HandlerOptions, kmsHandlers } from "./handlers.ts";
import type { OutagePolicy } from "./outage.ts";

const call = { signal: new AbortController().signal, deadlineMs: 1000, uid: "uid-1" };
const seed = new Uint8Array(32).fill(3);
const ping = utf8("ping");
const lost: ServiceStatus = {
  ...wellStatus,
  quorum: { state: "lost", since: 0, forMs: 5000, refused: false, message: "Vault is away." },
};

function setUp(options: Partial<HandlerOptions> = {}) {
  const service = new FakeService();
  const events: Event[] = [];
  const handlers = kmsHandlers({
    service,
    notify: (event) => void events.push(event),
    kms: { v1beta1: true, reportVersion: "v2" },
    outage: { policy: "keepWriting", afterMs: 1000 },
    version: "1.2.3",
    ...options,
  });
  const { v2, v1beta1 } = handlers;
  ok(v1beta1);
  return { service, events, v2, v1beta1 };
}

Deno.test("v2 Status announces the key ID, and only Status is noted by the service", async () => {
  const { v2, v1beta1, service } = setUp();
  deepEqual(v2.Status({}, call), { version: "v2", healthz: "ok", key_id: wellStatus.keyId });
  equal(service.noted, 1);
  await v2.Encrypt({ plaintext: seed, uid: "" }, call);
  await v1beta1.Version({ version: "v1beta1" }, call);
  await v1beta1.Encrypt({ version: "v1beta1", plain: seed }, call);
  equal(service.noted, 1);
});

Deno.test("v2 Status reports the configured version", async () => {
  const { v2 } = setUp({ kms: { v1beta1: true, reportVersion: "v2beta1" } });
  equal((await v2.Status({}, call)).version, "v2beta1");
});

Deno.test("v2 Encrypt and Decrypt round trip, answered with the announced key ID", async () => {
  const { v2, events } = setUp();
  const sealed = await v2.Encrypt({ plaintext: seed, uid: "" }, call);
  equal(sealed.key_id, wellStatus.keyId);
  deepEqual((await v2.Decrypt({ ...sealed, uid: "" }, call)).plaintext, seed);
  const rpcs = events.map((event) => event.type === "rpc" ? [event.operation, event.keyId, event.cache] : []);
  deepEqual(rpcs, [["encrypt", wellStatus.keyId, undefined], ["decrypt", wellStatus.keyId, "hit"]]);
});

Deno.test("v1beta1 round trips, and Version returns name and version", async () => {
  const { v1beta1 } = setUp();
  const expected = { version: "v1beta1", runtime_name: "Trousseau", runtime_version: "1.2.3" };
  deepEqual(v1beta1.Version({ version: "v1beta1" }, call), expected);
  for (const plain of [seed, ping]) {
    const { cipher } = await v1beta1.Encrypt({ version: "v1beta1", plain }, call);
    deepEqual((await v1beta1.Decrypt({ version: "v1beta1", cipher }, call)).plain, plain);
  }
});

Deno.test("v1beta1 refuses requests of another version", async () => {
  const { v1beta1 } = setUp();
  for (const version of ["", "v1", "v2", "v1beta2"]) {
    throws(() => v1beta1.Encrypt({ version, plain: seed }, call), { code: "request_invalid" });
    await rejects(async () => await v1beta1.Decrypt({ version, cipher: seed }, call), { code: "request_invalid" });
  }
});

Deno.test("kmsHandlers() has no v1beta1 if it is disabled", () => {
  const service = new FakeService();
  const options = { service, notify: () => {}, version: "1.2.3" };
  const outage = { policy: "keepWriting", afterMs: 0 } as const;
  equal(kmsHandlers({ ...options, outage, kms: { v1beta1: false, reportVersion: "v2" } }).v1beta1, undefined);
});

/** The result of each RPC under a policy in an outage past `after`: `ok`, `unwell`, or the code of its refusal. */
async function behaviour(policy: OutagePolicy, status: ServiceStatus): Promise<string[]> {
  const { v2, v1beta1, service } = setUp({ outage: { policy, afterMs: 1000 } });
  service.current = status;
  const ask = async (work: () => unknown) => {
    try {
      const answer = await work() as { healthz?: string };
      return answer.healthz === undefined || answer.healthz === "ok" ? "ok" : "unwell";
    } catch (thrown) {
      return thrown instanceof KmsError ? thrown.code : "stranger";
    }
  };
  return [
    await ask(() => v2.Status({}, call)),
    await ask(() => v2.Encrypt({ plaintext: seed, uid: "" }, call)),
    await ask(() => v1beta1.Encrypt({ version: "v1beta1", plain: ping }, call)),
    await ask(() => v1beta1.Encrypt({ version: "v1beta1", plain: seed }, call)),
  ];
}

Deno.test("kmsHandlers() in an outage answers Status, v2 Encrypt, v1beta1 ping and Encrypt by the policy", async () => {
  deepEqual(await behaviour("keepWriting", lost), ["ok", "ok", "ok", "ok"]);
  deepEqual(await behaviour("failReady", lost), ["unwell", "ok", "unreachable", "ok"]);
  deepEqual(await behaviour("failClosed", lost), Array(4).fill("unreachable"));
});

Deno.test("kmsHandlers() without a key ID, and with KEKs refused: the same under every policy", async () => {
  for (const policy of ["keepWriting", "failReady", "failClosed"] as const) {
    const unknown = { ...wellStatus, keyId: undefined, message: "No provider has answered yet." };
    deepEqual(await behaviour(policy, unknown), Array(4).fill("unreachable"));
    const refused = { ...wellStatus, quorum: { ...lost.quorum, refused: true } } as ServiceStatus;
    deepEqual(await behaviour(policy, refused), Array(4).fill("key_unusable"));
  }
});

Deno.test("kmsHandlers() refuse v2 Encrypt with the message of Status", () => {
  const { v2, service } = setUp({ outage: { policy: "failClosed", afterMs: 1000 } });
  service.current = lost;
  throws(() => v2.Status({}, call), { code: "unreachable", message: "Vault is away." });
  throws(() => v2.Encrypt({ plaintext: seed, uid: "" }, call), { code: "unreachable", message: "Vault is away." });
});

Deno.test("kmsHandlers() decrypt under every policy", async () => {
  const { v2, service } = setUp({ outage: { policy: "failClosed", afterMs: 1000 } });
  const sealed = await v2.Encrypt({ plaintext: seed, uid: "" }, call);
  service.current = lost;
  deepEqual((await v2.Decrypt({ ...sealed, uid: "" }, call)).plaintext, seed);
});

Deno.test("kmsHandlers() notify of an outage when it changes, and not at each call", async () => {
  const { v2, service, events } = setUp();
  const lostFor = (forMs: number): ServiceStatus => ({ ...lost, quorum: { ...lost.quorum, forMs } as QuorumState });
  const states: string[] = [];
  for (const status of [wellStatus, lostFor(0), lostFor(1), lostFor(1000), lostFor(1001), wellStatus]) {
    service.current = status;
    await v2.Status({}, call);
  }
  for (const event of events) if (event.type === "outage") states.push(event.state);
  deepEqual(states, ["outage", "outage_past_after", "none"]);
});

Deno.test("v2 Encrypt does not send an answer that kube-apiserver would reject", () => {
  const { v2, service, events } = setUp();
  service.answerNext = { ciphertext: new Uint8Array(1025) };
  throws(() => v2.Encrypt({ plaintext: seed, uid: "" }, call), { code: "internal" });
  const [event] = events;
  ok(event?.type === "rpc" && event.result === "internal");
  match(event.message ?? "", /1025 bytes/);
});

Deno.test("Decrypt notes the format of another plugin's data, answered or refused", async () => {
  const { v2, v1beta1, service, events } = setUp();
  service.foreign = "vault-kubernetes-kms";
  const sealed = await v2.Encrypt({ plaintext: seed, uid: "" }, call);
  await v2.Decrypt({ ...sealed, uid: "" }, call);
  await rejects(async () => await v1beta1.Decrypt({ version: "v1beta1", cipher: seed }, call), { code: "integrity" });
  const formats = events.map((event) => event.type === "rpc" ? [event.operation, event.result, event.foreign] : []);
  deepEqual(formats, [
    ["encrypt", "ok", undefined],
    ["decrypt", "ok", "vault-kubernetes-kms"],
    ["decrypt", "integrity", "vault-kubernetes-kms"],
  ]);
});

Deno.test("Decrypt counts requests that are refused before the service is called", async () => {
  const { v2, v1beta1, service } = setUp();
  const request = { ciphertext: new Uint8Array(2000), key_id: "k", annotations: {}, uid: "" };
  await rejects(async () => await v2.Decrypt(request, call), { code: "request_invalid" });
  const cipher = new Uint8Array(70_000);
  await rejects(async () => await v1beta1.Decrypt({ version: "v1beta1", cipher }, call), { code: "request_invalid" });
  deepEqual(service.refusals, ["request_invalid", "request_invalid"]);
});

Deno.test("v2 Encrypt passes to the service which calls come from Trousseau's commands", () => {
  const { v2, service } = setUp();
  for (const uid of ["trousseau-0123", "0123", ""]) v2.Encrypt({ plaintext: seed, uid }, call);
  deepEqual(service.byTool, [true, false, false]);
});
