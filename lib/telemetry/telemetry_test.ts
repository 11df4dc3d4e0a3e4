import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8, utf8Text } from "../base/bytes.ts";
import type { Event } from "./events.ts";
import { Secret } from "../base/secret.ts";
import type { ServiceStatus } from "../services/kms/service.ts";
import { anyEvent } from "../../tests/support/event_arbitraries.ts";
import type { LineTarget } from "./line_target.ts";
import type { LogLevel } from "./log.ts";
import { openTelemetry } from "./telemetry.ts";
import { kmsGauges } from "../services/kms/status_metrics.ts";
import { wellStatus } from "../../tests/support/fake_service.ts";
import { systemError } from "../../tests/support/failing_system.ts";

const status: ServiceStatus = {
  ...wellStatus,
  keyId: "t1-0",
  provisional: false,
  message: "",
  quorum: { state: "held" },
  needed: 1,
  providers: [],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
  sealedVersions: [],
};

function memory(): LineTarget & { text: string } {
  return {
    text: "",
    prepare: () => Promise.resolve(false),
    write(bytes) {
      this.text += utf8Text(bytes) ?? "?";
      return Promise.resolve(bytes.length);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function opened(level: LogLevel = "debug", format: "json" | "text" = "json") {
  const log = memory();
  const audit = memory();
  const telemetry = await openTelemetry({
    log: { level, format, colours: false },
    audit: undefined,
    version: "1.2.3",
    clock: { now: () => 1_000_000, wall: () => 1_000_000 },
    targets: { log, audit },
  });
  return { log, audit, telemetry };
}

const lines = (target: { text: string }) => target.text.trimEnd().split("\n").filter((line) => line !== "");

const rpc = {
  type: "rpc",
  api: "v2",
  operation: "encrypt",
  result: "ok",
  seconds: 0.001,
  uid: "u",
  keyId: "t1-0",
  providers: [],
} as const satisfies Event;

Deno.test("openTelemetry() logs, audits and counts one event", async () => {
  const { log, audit, telemetry } = await opened();
  telemetry.notify(rpc);
  const metrics = await telemetry.metrics.render(kmsGauges(status, 0));
  await telemetry[Symbol.asyncDispose]();
  assert.deepEqual([lines(log).length, lines(audit).length], [1, 1]);
  assert.ok(
    metrics.includes('trousseau_rpc_duration_seconds_count{api="v2",operation="encrypt",result="ok"} 1'),
    metrics,
  );
});

Deno.test("openTelemetry() loses no event at closing", async () => {
  const { log, audit, telemetry } = await opened("info");
  for (let n = 0; n < 5000; n++) telemetry.notify(rpc);
  telemetry.notify({ type: "lifecycle", action: "stopped", message: "Stopped." });
  await telemetry[Symbol.asyncDispose]();
  assert.deepEqual([lines(log).length, lines(audit).length], [1, 5000]);
});

Deno.test("Telemetry.notify() never throws, and reports a failed part once", async () => {
  const { log, audit, telemetry } = await opened("info");
  const broken = { type: "rpc", operation: "encrypt", result: "ok" } as unknown as Event;
  const unknown = { type: "no such event" } as unknown as Event;
  for (let n = 0; n < 3; n++) {
    telemetry.notify(broken);
    telemetry.notify(unknown);
  }
  telemetry.notify(rpc);
  assert.match(telemetry.problem(), /^3 audit lines were lost|its lines are kept/);
  await telemetry[Symbol.asyncDispose]();
  const failures = lines(log).filter((line) => line.includes("cannot take note"));
  assert.ok(failures.length > 0);
  assert.equal(new Set(failures).size, failures.length);
  const sequence = lines(audit).map((line) => JSON.parse(line));
  assert.deepEqual(sequence.map(({ type }) => type), ["audit", "audit_gap"]);
  assert.equal(sequence[0].seq, 4);
});

Deno.test("Telemetry.notify() accepts any event at any level", async () => {
  for (const level of ["debug", "info", "warn", "error"] as const) {
    const { log, telemetry } = await opened(level);
    fc.assert(fc.property(anyEvent, (event) => telemetry.notify(event)), { numRuns: 300 });
    await telemetry[Symbol.asyncDispose]();
    assert.ok(!log.text.includes("cannot take note"), log.text);
  }
});

Deno.test("openTelemetry() logs the failure of an audit stream and its recovery", async () => {
  const log = memory();
  const audit = memory();
  let failing = true;
  const telemetry = await openTelemetry({
    log: { level: "info", format: "json", colours: false },
    audit: undefined,
    version: "1.2.3",
    targets: {
      log,
      audit: { ...audit, prepare: () => failing ? Promise.reject(systemError("EDQUOT")) : Promise.resolve(false) },
    },
  });
  telemetry.notify(rpc);
  while (!log.text.includes("cannot be written")) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(telemetry.problem(), /cannot be written: the disk quota of this user is used up; /);
  assert.match(log.text, /cannot be written: the disk quota of this user is used up; /);
  assert.doesNotMatch(log.text, /canary/);
  failing = false;
  await telemetry[Symbol.asyncDispose]();
  assert.deepEqual(lines(log).map((line) => JSON.parse(line)).map(({ level, cause }) => [level, cause]), [
    ["error", "the disk quota of this user is used up"],
    ["info", undefined],
  ]);
});

Deno.test("openTelemetry() writes no secret in other members of an event, at any level", async () => {
  const plaintext = utf8("canary-plaintext");
  const token = "hvs.canary-token";
  const cause = new TypeError(`canary-error ${token}`);
  const smuggled = {
    plaintext,
    token,
    secret: new Secret("canary-secret"),
    dek: plaintext,
    thrown: cause,
    ciphertext: plaintext.toBase64(),
    cause: String(cause),
  };
  const traces = [
    "canary",
    plaintext.toBase64().slice(0, 12),
    plaintext.toHex().slice(0, 12),
    [...plaintext].slice(0, 5).join(","),
  ];
  const canaryStatus = { ...status, ...smuggled, providers: [] } as ServiceStatus;
  for (const level of ["debug", "info", "warn", "error"] as const) {
    for (const format of ["json", "text"] as const) {
      const { log, audit, telemetry } = await opened(level, format);
      fc.assert(
        fc.property(anyEvent, (event) => telemetry.notify({ ...event, ...smuggled } as Event)),
        { numRuns: 200 },
      );
      telemetry.log.log("error", "Fields.", { plaintext, secret: smuggled.secret, cause, list: [plaintext] } as never);
      const metrics = await telemetry.metrics.render(kmsGauges(canaryStatus, 0));
      await telemetry[Symbol.asyncDispose]();
      for (const trace of traces) {
        assert.ok(!audit.text.includes(trace), `audit at ${level}: ${trace}`);
        assert.ok(!metrics.includes(trace), `metrics at ${level}: ${trace}`);
        assert.ok(!log.text.includes(trace), `log at ${level}: ${trace}`);
      }
    }
  }
});
