/**
 * The health of a provider whose Vault or OpenBao refuses or is sealed, through all layers: one change for each cause.
 */
import assert from "node:assert/strict";
import type { Event, HealthState } from "../../lib/telemetry/events.ts";
import { decorate } from "../../lib/provider/decorated.ts";
import { openService, type QuorumState } from "../../lib/services/kms/service.ts";
import { fastPauses } from "../support/fast_clock.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { pause, waitFor } from "../support/processes.ts";
import { refuse, VaultDouble } from "../support/vault_double.ts";
import { openVault, patient, userpassAuth } from "../support/vault_settings.ts";

/** The speed of the service's pauses, which are seconds: Vault answers in milliseconds. */
const speed = 5;

/** Causes a fault of Vault. */
type Fault = (vault: VaultDouble) => void;

interface Seen {
  readonly states: readonly HealthState[];
  /** `ok` or the code of every Decrypt, without consecutive repetitions. */
  readonly codes: readonly string[];
  readonly quorum: QuorumState;
}

interface Options {
  readonly graceMs?: number;
  /** Decrypts go on until one has this code. */
  readonly until?: string;
}

/** Milliseconds of the machine. */
const timings = {
  /** Several probes and, of the breaker, several refusals: so long after the first change no other one is reported. */
  afterwards: 1000,
  /** The limit for an expected event: four times as long as it takes at most. */
  longest: 4 * 11_000,
} as const;

/**
 * Serves until the provider is healthy, causes the fault, and decrypts until it is reported and for some time after.
 *
 * @returns the reports.
 */
async function under(fault: Fault, { graceMs = 0, until }: Options = {}): Promise<Seen> {
  await using vault = new VaultDouble();
  const events: Event[] = [];
  const notify = (event: Event) => void events.push(event);
  const { provider } = await openVault(vault.address, { namespace: "team-a", auth: userpassAuth() });
  await using decorated = decorate(provider, { notify });
  await using service = await openService({
    providers: [{ provider: decorated, formerly: [] }],
    wrap: "all",
    unwrap: "fastest",
    keyEpoch: 0,
    cache: { entries: 16, maxAgeMs: 1, graceOnOutageMs: graceMs, lifetimeMs: 86_400_000 },
    dekMaxAgeMs: 3_600_000,
    probeIntervalMs: 1000,
    store: new MemoryStore(),
    clock: fastPauses(speed),
    notify,
  });
  await waitFor("an Encrypt", () => service.peek().canEncrypt, { timeoutMs: 10_000, everyMs: 20 });
  const sealed = service.encrypt(new Uint8Array(32).fill(1), "v2");
  await pause(5);
  await service.decrypt(sealed, "v2", patient);
  const before = events.length;
  fault(vault);
  // The data key is fresh for a millisecond.
  await pause(5);
  const codes: string[] = [];
  const changes = () => events.slice(before).flatMap((event) => event.type === "provider_health" ? [event.to] : []);
  const decryptUntil = async (isEnough: () => boolean) => {
    for (; !isEnough(); await pause(20)) {
      const code = await Promise.resolve(service.decrypt(sealed, "v2", patient)).then(
        () => "ok",
        (error) => String(error.code),
      );
      if (codes.at(-1) !== code) codes.push(code);
    }
  };
  const latest = performance.now() + timings.longest;
  const told = () => changes().length > 0 && (until === undefined || codes.at(-1) === until);
  await decryptUntil(() => told() || performance.now() > latest);
  const end = performance.now() + timings.afterwards;
  await decryptUntil(() => performance.now() > end);
  return { states: changes(), codes, quorum: service.peek().quorum };
}

const becomes = (namespace: VaultDouble["namespace"]): Fault => (vault) => vault.namespace = namespace;

/** The tokens are revoked as well, so that a login is due. */
const revoked = (fault: Fault): Fault => (vault) => {
  fault(vault);
  vault.valid.clear();
};

Deno.test("a locked namespace is a refusal: every Decrypt reports it, and health changes once", async () => {
  const { states, codes, quorum } = await under(becomes("locked"));
  assert.deepEqual([states, codes], [["refusing"], ["permission_denied"]]);
  assert(quorum.state === "lost" && quorum.refused);
  assert.match(quorum.message, /503 \(namespace locked: "team-a"\)/);
});

Deno.test("a locked namespace is a refusal under grace too: Decrypts end once it is confirmed", async () => {
  const { states, codes } = await under(becomes("locked"), {
    graceMs: 86_400_000,
    until: "permission_denied",
  });
  assert.deepEqual([states, codes], [["refusing"], ["ok", "permission_denied"]]);
});

Deno.test("a locked namespace at a login is the same refusal", async () => {
  const { states, codes } = await under(revoked(becomes("locked")));
  assert.deepEqual([states, codes], [["refusing"], ["permission_denied"]]);
});

Deno.test("a refused login is reported once, although the circuit breaker answers later calls", async () => {
  const { states, codes } = await under(revoked((vault) => {
    vault.intercept = ({ path }) => path.includes("/login") ? refuse(400, "invalid username or password") : undefined;
  }));
  assert.deepEqual([states, codes], [["refusing"], ["unauthenticated"]]);
});

Deno.test("a dead token and a login that is denied are one refusal", async () => {
  const { states } = await under(revoked((vault) => vault.intercept = () => refuse(403, "permission denied")));
  assert.deepEqual(states, ["refusing"]);
});

Deno.test("a sealed namespace is an outage, and health changes once", async () => {
  const { states, codes, quorum } = await under(becomes("sealed"));
  assert.deepEqual([states, codes], [["sick"], ["unreachable"]]);
  assert(quorum.state === "lost" && !quorum.refused);
  assert.match(quorum.message, /503 \(namespace sealed: "team-a"\)/);
});

Deno.test("a missing namespace is named, at a login too", async () => {
  for (const fault of [becomes("missing"), revoked(becomes("missing"))]) {
    const { states, codes, quorum } = await under(fault);
    assert.deepEqual([states, codes], [["refusing"], ["key_unknown"]]);
    assert(quorum.state === "lost" && quorum.refused);
    assert.match(quorum.message, /404 \(no such namespace: "team-a"\)/);
  }
});
