import { deepEqual, equal, match } from "node:assert/strict";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { KekGroupStatus, ProviderHealth } from "../../../kek/status.ts";
import {
  auditHealth,
  backupHealth,
  certificateHealth,
  clockHealth,
  healthAnswerOf,
  kmsHealth,
  storeHealth,
  tlsHealth,
  worstOf,
} from "./health.ts";

const day = 86_400_000;

function provider(name: string, health: ProviderHealth["health"]): ProviderHealth {
  const message = health === "well" ? "" : `${name} is away.`;
  return { name, kind: "local", health, message, code: "ok", since: 0, lastGoodAt: undefined };
}

function status(
  providers: readonly ProviderHealth[],
  quorum: KekGroupStatus["quorum"] = { state: "held" },
): KekGroupStatus {
  const decrypts = { windowMs: 0, refused: [], lastOpenedAt: undefined, failing: false };
  return {
    providers,
    retired: [],
    wrapOnly: [],
    quorum,
    needed: 1,
    decrypts,
    recoveryKeyLoaded: false,
    graceOnOutageMs: 0,
  };
}

Deno.test("kmsHealth() has a part for each provider, and fails when no provider is well", () => {
  deepEqual(kmsHealth(status([provider("a", "well"), provider("b", "unknown")])).map(({ state }) => state), [
    "ok",
    "ok",
    "ok",
  ]);
  const lost = { state: "lost", since: 0, forMs: 1, refused: false, message: "The quorum is lost." } as const;
  deepEqual(kmsHealth(status([provider("a", "well"), provider("b", "sick")], lost)), [
    { name: "kms", state: "degraded", reason: "The quorum is lost." },
    { name: "kms:a", state: "ok" },
    { name: "kms:b", state: "degraded", reason: "b is away." },
  ]);
  equal(kmsHealth(status([provider("a", "refusing"), provider("b", "sick")], lost))[0]?.state, "failed");
});

Deno.test("the parts that depend on time degrade and fail at their limits", () => {
  const own = { from: 0, until: 90 * day };
  equal(certificateHealth(own, 0, false).state, "ok");
  match(certificateHealth(own, 80 * day, false).reason ?? "", /ends in 10 days/);
  equal(certificateHealth(own, 80 * day, true).state, "degraded");
  equal(certificateHealth(own, 74 * day, true).state, "ok");
  for (const isOperators of [true, false]) equal(certificateHealth(own, 90 * day, isOperators).state, "failed");
  const short = { from: 0, until: day };
  equal(certificateHealth(short, 0.8 * day, true).state, "ok");
  match(certificateHealth(short, 0.9 * day, true).reason ?? "", /ends in 2 hours/);
  equal(clockHealth(60_000).state, "ok");
  match(clockHealth(61_000).reason ?? "", /61 seconds/);
  equal(backupHealth(0, 7 * day).state, "ok");
  match(backupHealth(0, 9 * day).reason ?? "", /9 days old/);
  equal(backupHealth(undefined, 0).state, "degraded");
  match(backupHealth(0, 0, "No recovery.").reason ?? "", /No recovery/);
});

Deno.test("tlsHealth() fails while the port is closed, and degrades by a failure beside an open port", () => {
  deepEqual(tlsHealth(false, undefined), []);
  deepEqual(tlsHealth(false, "No file."), [{ name: "tls", state: "degraded", reason: "No file." }]);
  deepEqual(tlsHealth(true, "In use."), [{ name: "tls", state: "failed", reason: "In use." }]);
  equal(tlsHealth(true, undefined)[0]?.state, "failed");
});

Deno.test("storeHealth() gives the reason why the store is not open", () => {
  deepEqual(storeHealth(new KeyringError("kms_unavailable", "No KMS.")), {
    name: "store",
    state: "failed",
    reason: "No KMS.",
  });
  deepEqual(storeHealth({ state: "ok" }), { name: "store", state: "ok" });
});

Deno.test("healthAnswerOf() shows the worst state, and reasons only if it may", () => {
  const parts = [storeHealth({ state: "ok" }), auditHealth({ state: "failed", reason: "The disk is full." })];
  equal(worstOf([]), "ok");
  deepEqual(healthAnswerOf(parts, false), {
    state: "failed",
    parts: [{ name: "store", state: "ok" }, { name: "audit", state: "failed" }],
  });
  equal(healthAnswerOf(parts, true).parts[1]?.reason, "The disk is full.");
});
