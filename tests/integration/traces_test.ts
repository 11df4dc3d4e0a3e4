/**
 * Traces of `trousseau serve` as a process: spans of its calls reach a collector, and a collector that is down, slow, hung
 * or wrong delays no call and no end.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { dialKms } from "../../lib/api/kms/client.ts";
import { kmsContracts } from "../../lib/api/kms/contract.ts";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { sourceArguments, writeLocalConfig } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { grpcFrame, rawCall } from "../support/raw_grpc.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 60_000, everyMs: 20 };
const call = { signal: new AbortController().signal };
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parentId = "00f067aa0ba902b7";

/** A span as a collector receives it. */
interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code: number };
}

/** A collector, with its spans and the texts that it received. */
function collector(answer: () => Response | Promise<Response> = () => Response.json({})) {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const served = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const text = await request.text();
    bodies.push(text);
    for (const { scopeSpans } of JSON.parse(text).resourceSpans) {
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    return await answer();
  });
  const close = () => served.shutdown();
  return { endpoint: `http://127.0.0.1:${served.addr.port}`, spans, bodies, [Symbol.asyncDispose]: close };
}

async function serve(folder: string, endpoint: string, more: Readonly<Record<string, unknown>> = {}) {
  const port = freePort();
  const { config, socket } = await writeLocalConfig(folder, {
    telemetry: { listen: `127.0.0.1:${port}`, traces: { endpoint, ...more } },
    drain: "3s",
  });
  const args = sourceArguments(folder, "serve", "--config", config);
  const process = new Process({ name: "trousseau", command: Deno.execPath(), args, cwd: folder, env: {} });
  const first = await waitFor("an Encrypt", () => encrypt(socket), { ...soon, alive: [process] });
  const metric = async (result: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const [, value = "absent"] = new RegExp(`^trousseau_spans_total\\{result="${result}"\\} (\\d+)$`, "m").exec(text) ??
      [];
    return Number(value);
  };
  return { socket, process, metric, sealed: first.value, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

const plaintext = new Uint8Array(randomBytes(32));

async function encrypt(socket: string): Promise<EncryptResponse> {
  await using client = dialKms(socket);
  return await client.v2.Encrypt({ plaintext, uid: "first" }, call);
}

async function decrypt(socket: string, sealed: EncryptResponse, uid: string): Promise<void> {
  await using client = dialKms(socket);
  const opened = await client.v2.Decrypt({ ...sealed, uid }, call);
  deepEqual(new Uint8Array(opened.plaintext), plaintext);
}

/** Decrypts with a header `traceparent`. */
async function decryptTraced(socket: string, sealed: EncryptResponse, traceparent: string): Promise<string> {
  const { path, request } = kmsContracts().v2.Decrypt;
  const frame = grpcFrame(request.encode({ ...sealed, uid: "traced" }));
  return (await rawCall(socket, { path, authority: "localhost", frame, headers: { traceparent } })).status;
}

function attribute({ attributes }: ReceivedSpan, key: string): unknown {
  return attributes.find((one) => one.key === key)?.value["stringValue"];
}

Deno.test("serve exports a span for each call, with its uid and the span of its client, and one for each part", () =>
  inFolder(async (folder) => {
    await using one = collector();
    let sealed: EncryptResponse;
    {
      await using plugin = await serve(folder, one.endpoint);
      sealed = plugin.sealed;
      equal((await plugin.process.stop()).code, 0);
      const encrypts = one.spans.filter(({ name }) => name === "v2.KeyManagementService/Encrypt");
      ok(encrypts.some((span) => attribute(span, "trousseau.uid") === "first"), "sent at the end of the process");
    }
    one.spans.length = 0;
    await using plugin = await serve(folder, one.endpoint, { sampleRatio: 0 });
    equal(await decryptTraced(plugin.socket, sealed, `00-${traceId}-${parentId}-01`), "0");
    await decrypt(plugin.socket, sealed, "not recorded");
    equal((await plugin.process.stop()).code, 0);
    const named = (name: string) => {
      const found = one.spans.filter((span) => span.name === name);
      equal(found.length, 1, `${name} in ${one.spans.map((span) => span.name)}`);
      return found[0] as ReceivedSpan;
    };
    const rpc = named("v2.KeyManagementService/Decrypt");
    const [cache, unwrap, kms] = [named("cache"), named("unwrap local"), named("KMS unwrap")];
    deepEqual([rpc.traceId, rpc.parentSpanId], [traceId, parentId]);
    for (const child of [cache, unwrap, kms]) equal(child.traceId, traceId);
    deepEqual([cache.parentSpanId, unwrap.parentSpanId, kms.parentSpanId], [rpc.spanId, rpc.spanId, unwrap.spanId]);
    deepEqual(["uid", "result", "cache"].map((key) => attribute(rpc, `trousseau.${key}`)), ["traced", "ok", "miss"]);
    match(`${attribute(rpc, "trousseau.key_id")}`, /^t1-[0-9a-f]{32}$/);
    equal(one.spans.length, 4, "calls that are not recorded have none");
    const text = one.bodies.join("");
    for (const secret of [plaintext, sealed.ciphertext]) {
      for (const form of ["base64", "hex"] as const) ok(!text.includes(bytesAs(secret, form)));
    }
  }));

function bytesAs(bytes: Uint8Array, form: "base64" | "hex"): string {
  return form === "hex"
    ? [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    : btoa(String.fromCharCode(...bytes));
}

Deno.test("serve records a request that it refuses, also one that cannot be read", () =>
  inFolder(async (folder) => {
    await using one = collector();
    await using plugin = await serve(folder, one.endpoint);
    const { path } = kmsContracts().v2.Decrypt;
    const frame = grpcFrame(Uint8Array.of(0xff, 0xff));
    const headers = { traceparent: `00-${traceId}-${parentId}-01` };
    equal((await rawCall(plugin.socket, { path, authority: "localhost", frame, headers })).status, "3");
    const ciphertext = plugin.sealed.ciphertext.map((byte, at) => at === 80 ? byte ^ 1 : byte);
    ok(await decryptTraced(plugin.socket, { ...plugin.sealed, ciphertext }, headers.traceparent) !== "0");
    equal((await plugin.process.stop()).code, 0);
    const calls = one.spans.filter((span) => span.traceId === traceId && span.parentSpanId === parentId);
    deepEqual(calls.map((span) => [attribute(span, "trousseau.result"), span.status?.code]), [
      ["request_invalid", 2],
      ["integrity", 2],
    ]);
  }));

/** Collectors that take nothing, and the result under which their spans are counted at last. */
const faults = {
  down: () => Promise.resolve({ endpoint: `http://127.0.0.1:${freePort()}`, [Symbol.asyncDispose]: async () => {} }),
  hung: () => Promise.resolve(collector(() => new Promise<Response>(() => {}))),
  "slow and busy": () =>
    Promise.resolve(collector(() => new Response("", { status: 503, headers: { "retry-after": "1" } }))),
  wrong: () => Promise.resolve(collector(() => new Response("<html>"))),
} as const;

for (const [name, start] of Object.entries(faults)) {
  Deno.test(`serve answers and ends as without traces while its collector is ${name}`, () =>
    inFolder(async (folder) => {
      const one = await start();
      await using plugin = await serve(folder, one.endpoint);
      for (let at = 0; at < 300; at++) await decrypt(plugin.socket, plugin.sealed, `u-${at}`);
      if (name === "wrong") {
        await waitFor("a count", async () => await plugin.metric("refused") > 0, soon);
      } else {
        equal(await plugin.metric("exported"), 0);
        equal(await plugin.metric("unsent"), 0, "they still wait");
      }
      const startedAt = performance.now();
      equal((await plugin.process.stop()).code, 0);
      // The drain has 3 seconds.
      ok(performance.now() - startedAt < 12_000);
      match(plugin.process.output, /Cannot export spans|Spans were dropped/);
    }));
}

Deno.test("serve without traces has no metric of them", () =>
  inFolder(async (folder) => {
    const port = freePort();
    const { config, socket } = await writeLocalConfig(folder, { telemetry: { listen: `127.0.0.1:${port}` } });
    const args = sourceArguments(folder, "serve", "--config", config);
    await using process = new Process({ name: "trousseau", command: Deno.execPath(), args, cwd: folder, env: {} });
    await waitFor("an Encrypt", () => encrypt(socket), { ...soon, alive: [process] });
    ok(!(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).includes("trousseau_spans_total"));
  }));
