import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { KmsError } from "../../base/errors.ts";
import type { AuditEvent, Event } from "../events.ts";
import type { Span } from "./span.ts";
import { Tracer } from "./tracer.ts";

const path = "/v2.KeyManagementService/Decrypt";
const parent = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const header = `00-${parent.traceId}-${parent.spanId}-01`;
const vault = { name: "vault", kind: "vault-transit" };

/** A tracer with its spans, and a clock that is set by hand. */
function stage(sampleRatio = 1) {
  const spans: Span[] = [];
  const clock = { at: 1000, now: () => clock.at, wall: () => clock.at + 1_700_000_000_000 };
  const tracer = new Tracer({ sampleRatio, clock, take: (span) => void spans.push(span) });
  return { spans, clock, tracer };
}

function rpc(more: Partial<AuditEvent> = {}): AuditEvent {
  return { type: "rpc", api: "v2", operation: "decrypt", result: "ok", seconds: 0.01, uid: "u-1", ...more };
}

function kmsCall(seconds: number, verb: "unwrap" | "wrap" = "unwrap"): Event {
  return { type: "provider_call", provider: "vault", kind: "vault-transit", verb, result: "ok", seconds };
}

const shown = ({ name, kind, startedAt, endedAt }: Span) => [
  name,
  kind,
  startedAt - 1_700_000_000_000,
  endedAt - 1_700_000_000_000,
];

Deno.test("Tracer.call() gives a cached Decrypt a span of the call and one of the cache, without a promise", () => {
  const { tracer, spans, clock } = stage();
  const answer = tracer.call(path, { traceparent: header }, () => {
    clock.at += 5;
    tracer.observe(rpc({ cache: "hit", keyId: "t1-a", providers: [{ name: "vault", version: "3" }] }));
    return "answer";
  });
  equal(answer, "answer");
  deepEqual(spans.map(shown), [["cache", "internal", 1000, 1005], [path.slice(1), "server", 1000, 1005]]);
  const [cache, call] = spans;
  deepEqual([call?.traceId, call?.parentSpanId], [parent.traceId, parent.spanId]);
  deepEqual([cache?.traceId, cache?.parentSpanId], [parent.traceId, call?.spanId]);
  deepEqual(call?.attributes, {
    "rpc.system": "grpc",
    "rpc.service": "v2.KeyManagementService",
    "rpc.method": "Decrypt",
    "trousseau.api": "v2",
    "trousseau.operation": "decrypt",
    "trousseau.uid": "u-1",
    "trousseau.result": "ok",
    "trousseau.key_id": "t1-a",
    "trousseau.cache": "hit",
    "trousseau.foreign": undefined,
    "trousseau.providers": ["vault@3"],
  });
  equal(call?.error, undefined);
});

Deno.test("Tracer.unwrap() nests the provider in the call, and each request to the KMS in the provider", async () => {
  const { tracer, spans, clock } = stage();
  await tracer.call(path, {}, async () => {
    await Promise.resolve();
    clock.at += 1;
    await tracer.unwrap(vault, async () => {
      clock.at += 4;
      tracer.observe({ ...kmsCall(0.004), result: "unreachable", message: "Cannot unwrap: x." } as Event);
      await new Promise((resolve) => setTimeout(resolve));
      clock.at += 3;
      tracer.observe(kmsCall(0.002));
    });
    tracer.observe(rpc({ cache: "miss" }));
  });
  deepEqual(spans.map(shown), [
    ["KMS unwrap", "client", 1001, 1005],
    ["KMS unwrap", "client", 1006, 1008],
    ["unwrap vault", "internal", 1001, 1008],
    ["cache", "internal", 1000, 1001],
    [path.slice(1), "server", 1000, 1008],
  ]);
  const [first, second, unwrap, cache, call] = spans;
  equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  equal(new Set(spans.map(({ spanId }) => spanId)).size, 5);
  deepEqual([first?.parentSpanId, second?.parentSpanId], [unwrap?.spanId, unwrap?.spanId]);
  deepEqual([unwrap?.parentSpanId, cache?.parentSpanId], [call?.spanId, call?.spanId]);
  deepEqual([first?.error, second?.error, call?.parentSpanId], ["Cannot unwrap: x.", undefined, undefined]);
  equal(cache?.attributes["trousseau.cache"], "miss");
});

Deno.test("Tracer.call() keeps two calls apart that are under way together", async () => {
  const { tracer, spans } = stage();
  const gate = Promise.withResolvers<void>();
  const one = (uid: string) =>
    tracer.call(path, {}, async () => {
      await gate.promise;
      await tracer.unwrap(vault, async () => {
        await Promise.resolve();
        tracer.observe(kmsCall(0));
      });
      tracer.observe(rpc({ uid, cache: "miss" }));
    });
  const both = [one("a"), one("b")];
  gate.resolve();
  await Promise.all(both);
  for (const call of spans.filter(({ kind }) => kind === "server")) {
    equal(spans.filter(({ traceId }) => traceId === call.traceId).length, 4, "call, cache, provider, KMS");
  }
});

Deno.test("Tracer.call() records failures with their sentence, thrown at once or later", async () => {
  const { tracer, spans } = stage();
  const refused = new KmsError("unreachable", "Cannot decrypt: no answer.");
  const fail = () => {
    tracer.observe(rpc({ result: "unreachable", message: refused.message }));
    throw refused;
  };
  throws(() => tracer.call(path, {}, fail), refused);
  await rejects(tracer.call(path, {}, () => tracer.unwrap(vault, () => Promise.reject(refused)).catch(fail)), refused);
  const errors = spans.filter(({ kind }) => kind === "server").map(({ error }) => error);
  deepEqual(errors, [refused.message, refused.message]);
  const unwrap = spans.find(({ name }) => name === "unwrap vault");
  deepEqual([unwrap?.error, unwrap?.attributes["trousseau.result"]], [refused.message, "unreachable"]);
  // The event of a Decrypt that failed does not say that the cache had nothing; that a provider was asked does.
  equal(spans.find(({ name }) => name === "cache")?.attributes["trousseau.cache"], "miss");
});

Deno.test("Tracer.call() records what its client records, and of the rest the share", () => {
  const recorded = (ratio: number, traceparent?: string) => {
    const { tracer, spans } = stage(ratio);
    equal(tracer.call(path, { traceparent }, () => tracer.observe(rpc())), undefined);
    return spans.length;
  };
  equal(recorded(0), 0);
  equal(recorded(1), 1);
  equal(recorded(0, header), 1);
  equal(recorded(1, header.replace(/01$/, "00")), 0);
  equal(recorded(1, "no header"), 1);
});

Deno.test("Tracer gives no span to work in the background, also if a call has started it", async () => {
  const { tracer, spans } = stage();
  const background = Promise.withResolvers<void>();
  const later: Promise<unknown>[] = [];
  await tracer.unwrap(vault, () => Promise.resolve());
  tracer.observe(kmsCall(0));
  const work = async () => {
    await background.promise;
    tracer.observe(kmsCall(0));
    tracer.observe(rpc({ uid: "other" }));
    await tracer.unwrap(vault, () => Promise.resolve(tracer.observe(kmsCall(0))));
  };
  await tracer.call(path, {}, async () => {
    later.push(work());
    tracer.observe(kmsCall(0, "wrap"));
    await tracer.unwrap(vault, () => {
      later.push(work());
      return Promise.resolve();
    });
    tracer.observe(rpc({ cache: "miss" }));
  });
  background.resolve();
  await Promise.all(later);
  deepEqual(spans.map(({ name }) => name), ["unwrap vault", "cache", path.slice(1)]);
  ok(spans.every(({ attributes }) => attributes["trousseau.uid"] !== "other"));
});

Deno.test("Tracer.call() leaves a call that is not recorded outside of the context of another", async () => {
  const { tracer, spans } = stage(0);
  await tracer.call(path, { traceparent: header }, async () => {
    await Promise.resolve();
    tracer.call(path, {}, () => tracer.observe(rpc({ uid: "other" })));
    tracer.observe(rpc({ uid: "own" }));
  });
  deepEqual(spans.map(({ attributes }) => attributes["trousseau.uid"]), ["own"]);
});
