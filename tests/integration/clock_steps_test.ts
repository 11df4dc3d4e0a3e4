/**
 * Steps of the wall clock after the start, as NTP makes them: displayed times follow the new clock, and intervals do not
 * change.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createMetrics } from "../../lib/telemetry/metrics.ts";
import type { ServiceStatus } from "../../lib/services/kms/service.ts";
import { kmsGauges } from "../../lib/services/kms/status_metrics.ts";
import { MemoryProvider } from "../support/memory_provider.ts";
import { startNode } from "../support/test_service.ts";

const hour = 3_600_000;
const probe = 75_000;

async function sample(clock: { now(): number; wall(): number }, status: ServiceStatus, name: string) {
  const metrics = createMetrics({ version: "1.2.3", clock, linesLost: () => ({ audit: 0, log: 0 }) });
  const expiresAt = clock.now() + 600_000;
  metrics.observe({ type: "token_lifetime", provider: "a", expiresAt });
  const found = (await metrics.render(kmsGauges(status, clock.wall()))).split("\n").find((line) =>
    line.startsWith(name)
  );
  return Number(found?.split(" ").at(-1));
}

for (const step of [3 * hour, -3 * hour]) {
  Deno.test(`times are correct after the wall clock was set by ${step / hour} h`, async () => {
    const provider = new MemoryProvider("a");
    await using node = await startNode([provider]);
    const { clock, service } = node;
    await clock.advance(10 * probe);
    const seed = crypto.getRandomValues(new Uint8Array(32));
    service.status();
    service.encrypt(seed, "v2");
    clock.setWall(step);
    const before = provider.calls.probe;
    await clock.advance(4 * probe);
    const probes = provider.calls.probe - before;
    assert.ok(probes >= 3 && probes <= 5, `${probes} probes in four intervals`);

    const status = service.peek();
    const [shown] = status.providers;
    const good = Number(shown?.lastGoodAt);
    assert.ok(Math.abs(clock.wall() - good) <= 2 * probe, `last good ${(clock.wall() - good) / 1000} s ago`);
    const name = "trousseau_provider_last_success_timestamp_seconds";
    const success = await sample(clock, status, name);
    assert.ok(Math.abs(clock.wall() / 1000 - success) <= 2 * probe / 1000, `${success}`);
    const lifetime = await sample(clock, status, "trousseau_token_lifetime_seconds");
    assert.ok(lifetime >= 0 && lifetime <= 600, `${lifetime} s`);
    // All of it happened in this process, in 14 probe intervals.
    const moments = { since: shown?.since, announcedAt: status.announcedAt, firstEncryptAt: status.firstEncryptAt };
    for (const [what, at] of Object.entries(moments)) {
      const ago = clock.wall() - Number(at);
      assert.ok(ago >= 0 && ago <= 15 * probe, `${what} ${ago / 1000} s ago`);
    }

    provider.faults.set("all", "unreachable");
    await clock.advance(3 * probe);
    clock.setWall(-2 * step);
    const { quorum } = service.peek();
    assert.ok(quorum.state === "lost" && quorum.forMs > 0 && quorum.forMs <= 3 * probe);
    assert.ok(Math.abs(clock.wall() - quorum.since - quorum.forMs) < 1000, "since when it is lost");
  });
}
