/**
 * Invalid requests to the socket, and their answers.
 *
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../../lib/base/errors.ts";
import type { DecryptRequest } from "../../lib/api/kms/messages.ts";
import { RpcFailure } from "../../lib/net/grpc/status.ts";
import { never, type Plugin, startPlugin } from "../support/plugin.ts";
import { grpcFrame, rawCall } from "../support/raw_grpc.ts";

const seed = new Uint8Array(32).fill(9);
const signal = { signal: never };

async function sealedBy({ client }: Plugin): Promise<DecryptRequest> {
  return { ...await client.v2.Encrypt({ plaintext: seed, uid: "u" }, signal), uid: "u" };
}

/** Checks that the next valid request works. */
async function stillWell(plugin: Plugin): Promise<void> {
  const opened = await plugin.client.v2.Decrypt(await sealedBy(plugin), signal);
  deepEqual(new Uint8Array(opened.plaintext), seed);
}

/** Checks that a call is refused with INVALID_ARGUMENT and one sentence, and that its event has the same. */
async function invalid(plugin: Plugin, work: Promise<unknown>): Promise<void> {
  const before = plugin.events.length;
  await rejects(work, (error) => {
    ok(error instanceof KmsError && error.cause instanceof RpcFailure);
    equal(error.cause.status, "INVALID_ARGUMENT");
    return /^Cannot [^\n]*\.$/.test(error.cause.message);
  });
  const [event, ...others] = plugin.events.slice(before);
  ok(event?.type === "rpc" && ["request_invalid", "integrity"].includes(event.result));
  equal(others.length, 0);
}

Deno.test("a plaintext that is empty or too large is refused", async () => {
  await using plugin = await startPlugin();
  for (const size of [0, 901, 4096, 65_536, 1_000_000]) {
    const plaintext = new Uint8Array(size);
    await invalid(plugin, plugin.client.v2.Encrypt({ plaintext, uid: "u" }, signal));
    await invalid(plugin, plugin.client.v1beta1.Encrypt({ version: "v1beta1", plain: plaintext }, signal));
  }
  await stillWell(plugin);
});

Deno.test("a sealed seed with a missing, oversized or foreign part is refused", async () => {
  await using plugin = await startPlugin();
  const sealed = await sealedBy(plugin);
  const changed: Partial<DecryptRequest>[] = [
    { key_id: "" },
    { key_id: "t1-other" },
    { key_id: "x".repeat(1025) },
    { ciphertext: new Uint8Array(0) },
    { ciphertext: new Uint8Array(1025) },
    { ciphertext: sealed.ciphertext.slice(1) },
    { annotations: {} },
    { annotations: { ...sealed.annotations, "extra.test": seed } },
    { annotations: { "NOT-A-NAME": seed } },
    { annotations: Object.defineProperty({}, "__proto__", { value: seed, enumerable: true }) },
  ];
  for (const part of changed) await invalid(plugin, plugin.client.v2.Decrypt({ ...sealed, ...part }, signal));
  await stillWell(plugin);
});

Deno.test("a flood of annotations is refused", async () => {
  await using plugin = await startPlugin();
  const sealed = await sealedBy(plugin);
  const flood = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`a${i}.test`, new Uint8Array(8)]));
  await invalid(plugin, plugin.client.v2.Decrypt({ ...sealed, annotations: flood }, signal));
  const large = { "a.test": new Uint8Array(33 * 1024) };
  await invalid(plugin, plugin.client.v2.Decrypt({ ...sealed, annotations: large }, signal));
  await stillWell(plugin);
});

Deno.test("a v1beta1 frame that is empty, oversized or of v2 is refused", async () => {
  await using plugin = await startPlugin();
  const { ciphertext } = await sealedBy(plugin);
  for (const cipher of [new Uint8Array(0), new Uint8Array(60 * 1024 + 1), ciphertext]) {
    await invalid(plugin, plugin.client.v1beta1.Decrypt({ version: "v1beta1", cipher }, signal));
  }
  await stillWell(plugin);
});

Deno.test("any bytes in place of a message are answered, never with Unknown or Internal", async () => {
  await using plugin = await startPlugin();
  const paths = [
    "/v2.KeyManagementService/Encrypt",
    "/v2.KeyManagementService/Decrypt",
    "/v1beta1.KeyManagementService/Decrypt",
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.uint8Array({ maxLength: 300 }), async (path, message) => {
      const answer = await rawCall(plugin.path, { path, authority: "localhost", frame: grpcFrame(message) });
      // A random field 1 of Encrypt can be a valid plaintext.
      ok(
        answer.status === "3" || (answer.status === "0" && path.endsWith("Encrypt")),
        `${answer.status} ${answer.message}`,
      );
    }),
    { numRuns: 100 },
  );
  await stillWell(plugin);
});

Deno.test("an undecodable request is logged under its RPC", async () => {
  await using plugin = await startPlugin();
  const rpcs = [["v2", "Encrypt"], ["v2", "Decrypt"], ["v1beta1", "Encrypt"], ["v1beta1", "Version"]] as const;
  for (const [api, name] of rpcs) {
    const path = `/${api}.KeyManagementService/${name}`;
    const answer = await rawCall(plugin.path, {
      path,
      authority: "localhost",
      frame: grpcFrame(Uint8Array.of(0x0a, 9)),
    });
    equal(answer.status, "3");
  }
  deepEqual(
    plugin.events.flatMap((event) => event.type === "rpc" ? [[event.api, event.operation, event.result]] : []),
    [
      ["v2", "encrypt", "request_invalid"],
      ["v2", "decrypt", "request_invalid"],
      ["v1beta1", "encrypt", "request_invalid"],
      ["v1beta1", "status", "request_invalid"],
    ],
  );
});

Deno.test("a frame with a wrong length or without its end ends its call and no other", async () => {
  await using plugin = await startPlugin();
  const path = "/v2.KeyManagementService/Encrypt";
  for (
    const frame of [Uint8Array.of(0, 0, 0, 0, 9, 1), Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1), Uint8Array.of(0, 0)]
  ) {
    const answer = await rawCall(plugin.path, { path, authority: "localhost", frame });
    ok(!["0", "2"].includes(answer.status), answer.status);
  }
  await stillWell(plugin);
});

Deno.test("a compressed request is refused with UNIMPLEMENTED, and the sentence has the remedy", async () => {
  await using plugin = await startPlugin();
  for (const encoding of ["gzip", "deflate"]) {
    const frame = grpcFrame(new Uint8Array(20));
    frame[0] = 1;
    const path = "/v2.KeyManagementService/Encrypt";
    const headers = { "grpc-encoding": encoding };
    const { status, message } = await rawCall(plugin.path, { path, authority: "localhost", frame, headers });
    equal(status, "12");
    ok(message.endsWith("it is compressed, which is not supported here; send it as it is."), message);
  }
  await stillWell(plugin);
});

Deno.test("a uid is logged shortened and without control characters, and an internal error names it", async () => {
  await using plugin = await startPlugin();
  plugin.service.failNext = new Error("hunter2");
  const uid = `evil\n\u001b[31m${"x".repeat(500)}`;
  await rejects(plugin.client.v2.Encrypt({ plaintext: seed, uid }, signal), (error) => {
    ok(error instanceof KmsError);
    return error.message.includes("evil__[31mxxx") && !error.message.includes("hunter2");
  });
  const event = plugin.events.at(-1);
  ok(event?.type === "rpc" && event.uid.length === 128 && event.result === "internal");
});

Deno.test("v1beta1 is not served if it is switched off, and v2 is", async () => {
  await using plugin = await startPlugin({ kms: { v1beta1: false, reportVersion: "v2" } });
  await rejects(plugin.client.v1beta1.Version({ version: "v1beta1" }, signal), /UNIMPLEMENTED/);
  await stillWell(plugin);
});

Deno.test("a Decrypt without an answer of its KMS ends before the client's deadline", async () => {
  await using plugin = await startPlugin();
  const sealed = await sealedBy(plugin);
  plugin.service.hold = (aborted) =>
    new Promise((_resolve, reject) =>
      aborted.addEventListener("abort", () => reject(new KmsError("deadline_exceeded", "Cannot unwrap: no answer.")))
    );
  // On a busy machine a timer can fire later than the margin of 100 ms: one of five attempts must be in time.
  const told: unknown[] = [];
  for (
    let attempt = 0;
    attempt < 5 && !told.some((text) => /Cannot unwrap: no answer\.$/.test(String(text)));
    attempt++
  ) {
    told.push(await plugin.client.v2.Decrypt(sealed, { signal: never, timeoutMs: 400 }).catch(String));
  }
  match(String(told.at(-1)), /Cannot unwrap: no answer\.$/);
  plugin.service.hold = undefined;
  await stillWell(plugin);
});

Deno.test("many Decrypts of one seed at once are all answered", async () => {
  await using plugin = await startPlugin();
  const sealed = await sealedBy(plugin);
  const all = await Promise.all(Array.from({ length: 200 }, () => plugin.client.v2.Decrypt(sealed, signal)));
  for (const { plaintext } of all) deepEqual(new Uint8Array(plaintext), seed);
});
