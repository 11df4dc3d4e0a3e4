/**
 * Each alert about the plugin's own state, on the `/metrics` that a plugin renders in that state: `promtool` evaluates the
 * rules over the readings.
 *
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import type { Sealed } from "../../lib/services/kms/service.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryProvider, memoryProviders } from "../support/memory_provider.ts";
import { run, waitFor } from "../support/processes.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import type { LineTarget } from "../../lib/telemetry/line_target.ts";
import { StateFolderWatch } from "../../lib/base/state_folder.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { type WatchedOptions, WatchedPlugin } from "./harness/watched_plugin.ts";

const rules = new URL("../../deploy/prometheus/rules.yaml", import.meta.url).pathname;
const hour = 3_600_000;
const day = 24 * hour;
const hourly = { stepMs: hour } as const;

/** The number of readings until an alert must be silent, and the plugins with all readings, after which it must fire. */
interface Course {
  readonly silentFor: number;
  readonly plugins: readonly WatchedPlugin[];
}

type Stage = (kms: readonly MemoryProvider[], options?: WatchedOptions) => Promise<WatchedPlugin>;

/** A disk that is full. */
const full: LineTarget = {
  prepare: () => Promise.resolve(false),
  write: () => Promise.reject(new Error("full")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** A recovery provider whose private key is loaded, so that it unwraps. */
class LoadedRecovery extends MemoryProvider {
  override readonly kind = "recovery";
}

/** How each state comes about. */
const courses: Readonly<Record<string, (start: Stage) => Promise<Course>>> = {
  async TrousseauInternalError(start) {
    const plugin = await start(memoryProviders("a"));
    await plugin.pass(20);
    // A service that breaks while it is used, as a fault of the program would.
    plugin.service.encrypt = () => {
      throw new RangeError("broken");
    };
    await plugin.pass(3, () => plugin.seal());
    return { silentFor: 20, plugins: [plugin] };
  },
  TrousseauDecryptsFail: (start) => foreignKeys(start, 5),
  TrousseauDecryptsRefused: (start) => foreignKeys(start, 1),
  async TrousseauCannotEncrypt(start) {
    const [a] = memoryProviders("a");
    const plugin = await start([a]);
    await plugin.pass(5);
    a.faults.set("all", "permission_denied");
    await plugin.pass(10);
    return { silentFor: 5, plugins: [plugin] };
  },
  TrousseauKmsRefuses: (start) => faulty(start, "permission_denied", 10),
  TrousseauOutagePastAfter: (start) => faulty(start, "unreachable", 20),
  TrousseauOutage: (start) => faulty(start, "unreachable", 10),
  TrousseauProviderNotWell: (start) => faulty(start, "unreachable", 12),
  async TrousseauQuorumAtEdge(start) {
    const [a, b, c] = memoryProviders("a", "b", "c");
    const plugin = await start([a, b, c]);
    await plugin.pass(5);
    c.faults.set("all", "unreachable");
    await plugin.pass(12);
    return { silentFor: 5, plugins: [plugin] };
  },
  async TrousseauRetiredProviderNotWell(start) {
    const [old, a] = memoryProviders("old", "a");
    const before = await start([old]);
    await before.pass(2);
    const sealed = await before.seal();
    const plugin = await start([a], { retired: [old] });
    await plugin.pass(5);
    old.faults.set("all", "unreachable");
    await plugin.pass(80, () => plugin.open(sealed));
    return { silentFor: 60, plugins: [plugin] };
  },
  async TrousseauWrapMissing(start) {
    const [a, b] = memoryProviders("a", "b");
    const plugin = await start([a, b], { wrap: 1 });
    await plugin.pass(5);
    b.faults.set("all", "unreachable");
    await plugin.pass(150, () => plugin.seal());
    return { silentFor: 60, plugins: [plugin] };
  },
  async TrousseauServesStaleKeys(start) {
    const [plugin, a, sealed] = await reading(start);
    await plugin.pass(20, () => plugin.open(sealed));
    a.faults.set("all", "unreachable");
    await plugin.pass(20, () => plugin.open(sealed));
    return { silentFor: 20, plugins: [plugin] };
  },
  async TrousseauGraceEnds(start) {
    const [plugin, a] = await reading(start, hourly);
    await plugin.pass(5);
    a.faults.set("all", "unreachable");
    await plugin.pass(22);
    return { silentFor: 20, plugins: [plugin] };
  },
  async TrousseauCallsAboveBudget(start) {
    const [plugin, a] = await reading(start, {
      ...hourly,
      cache: { entries: 1, maxAgeMs: 1, graceOnOutageMs: 0, lifetimeMs: 1 },
    });
    await plugin.pass(24);
    const [one, two] = [await anotherSealed(start, a), await anotherSealed(start, a)];
    await plugin.pass(24, async () => {
      for (let i = 0; i < 120; i++) {
        await plugin.open(one);
        await plugin.open(two);
      }
    });
    return { silentFor: 24, plugins: [plugin] };
  },
  async TrousseauThrottled(start) {
    const [a] = memoryProviders("a");
    const plugin = await start([a]);
    await plugin.pass(20);
    a.faults.set("all", "throttled");
    await plugin.pass(15);
    return { silentFor: 20, plugins: [plugin] };
  },
  async TrousseauVersionLost(start) {
    const [a] = memoryProviders("a");
    const plugin = await start([a], hourly);
    await plugin.pass(3, () => plugin.seal());
    a.faults.set("unwrap", "key_unusable");
    plugin.service.examine();
    await plugin.pass(26);
    return { silentFor: 3, plugins: [plugin] };
  },
  async TrousseauKeyIdsDiffer(start) {
    const clock = new FakeClock();
    const [a, b] = [
      await start(memoryProviders("a"), { clock }),
      await start(memoryProviders("b"), { clock, instance: "b" }),
    ];
    for (let minute = 0; minute < 20; minute++) {
      await a.pass(1);
      await b.pass(1);
    }
    return { silentFor: 10, plugins: [a, b] };
  },
  async TrousseauKeyIdProvisional(start) {
    const [a, b] = memoryProviders("a", "b");
    b.faults.set("all", "unreachable");
    const plugin = await start([a, b], { wrap: 1 });
    await plugin.pass(25);
    return { silentFor: 10, plugins: [plugin] };
  },
  async TrousseauKeyIdChangesOften(start) {
    const [a] = memoryProviders("a");
    const plugin = await start([a]);
    await plugin.pass(20);
    await plugin.pass(40, () => plugin.pages.length % 5 === 0 && a.rotate());
    return { silentFor: 20, plugins: [plugin] };
  },
  async TrousseauKeyIdNotTakenUp(start) {
    const plugin = await start(memoryProviders("a"));
    await plugin.pass(15);
    return { silentFor: 8, plugins: [plugin] };
  },
  async TrousseauForeignReads(start) {
    const [a] = memoryProviders("a");
    const key = { written: "", name: "a" };
    const plugin = await start([a], { ...hourly, readForeign: [{ format: "trousseau-v1", providers: [key] }] });
    await plugin.pass(7 * 24 + 2);
    await plugin.pass(4, async () => {
      await plugin.openV1(await a.encryptForeign(crypto.getRandomValues(new Uint8Array(32))));
    });
    return { silentFor: 7 * 24 + 1, plugins: [plugin] };
  },
  async TrousseauRecoveryKeyLoaded(start) {
    const before = await start(memoryProviders("a"));
    await before.pass(2);
    const plugin = await start([new LoadedRecovery("safe"), ...memoryProviders("a")]);
    await plugin.pass(70);
    return { silentFor: 60, plugins: [plugin] };
  },
  async TrousseauStateFolderNotWritable(start) {
    const clock = new FakeClock();
    const disk: { why: string | undefined } = { why: undefined };
    await using watch = new StateFolderWatch({
      folder: "/state",
      clock,
      onChange: () => undefined,
      look: () => Promise.resolve(disk.why),
    });
    watch.start();
    const plugin = await start(memoryProviders("a"), { clock, stateFolder: watch });
    await plugin.pass(5);
    disk.why = "the disk is full";
    await plugin.pass(10);
    return { silentFor: 5, plugins: [plugin] };
  },
  async TrousseauAuditNotWritable(start) {
    const plugin = await start(memoryProviders("a"), { audit: full });
    await plugin.pass(5);
    await plugin.seal();
    await waitFor("a write that fails", () => plugin.telemetry.problem() !== "", { timeoutMs: 60_000 });
    await plugin.pass(10);
    return { silentFor: 5, plugins: [plugin] };
  },
  async TrousseauLogLinesLost(start) {
    const plugin = await start(memoryProviders("a"), { log: full });
    await plugin.pass(20);
    await plugin.pass(3, () => {
      for (let line = 0; line < 3_000; line++) plugin.telemetry.log.log("error", "x".repeat(1_000), {});
    });
    return { silentFor: 20, plugins: [plugin] };
  },
  // Events as a provider or the socket reports them.
  TrousseauTokenExpired: (start) => noted(start, 5, 10, (now) => [lifetime("token_lifetime", now - 1)]),
  TrousseauTokenExpires: (start) => noted(start, 72, 5, (now) => [lifetime("token_lifetime", now + 20 * hour)], hourly),
  TrousseauCertificateExpires: (start) =>
    noted(start, 5, 5, (now) => [lifetime("certificate_lifetime", now + 9 * day)]),
  TrousseauCertificateEndsToday: (start) =>
    noted(start, 5, 5, (now) => [lifetime("certificate_lifetime", now + 20 * hour)]),
  TrousseauRenewalsFail: (start) =>
    noted(start, 20, 8, () => [{ type: "token_renewed", provider: "a", result: "unreachable", seconds: 1 }]),
  TrousseauLoginsFail: (start) =>
    noted(start, 20, 8, () => [
      { type: "login", provider: "a", method: "token", result: "permission_denied", seconds: 1 },
    ]),
  TrousseauSocketSilent: (start) => noted(start, 5, 5, () => [socketEvent("silent")]),
  TrousseauSocketRefusesConnections: (start) => noted(start, 20, 3, () => [socketEvent("accept_refused")]),
  async TrousseauAuditLinesLost(start) {
    const plugin = await start(memoryProviders("a"), { audit: full });
    await plugin.pass(20);
    await plugin.pass(3, async () => {
      for (let line = 0; line < 12_000; line++) await plugin.handlers.v2.Status({}, {} as never);
      for (let line = 0; line < 12_000; line++) await plugin.seal();
    });
    return { silentFor: 20, plugins: [plugin] };
  },
};

/** A credential that lasts for four days and a month, then a plugin that reports events in each step. */
async function noted(
  start: Stage,
  before: number,
  after: number,
  events: (now: number) => readonly Event[],
  options: WatchedOptions = {},
): Promise<Course> {
  const plugin = await start(memoryProviders("a"), options);
  const { notify } = plugin.telemetry;
  const { clock } = plugin;
  notify(lifetime("token_lifetime", clock.now() + 4.5 * day));
  notify(lifetime("certificate_lifetime", clock.wall() + 30 * day));
  await plugin.pass(before);
  await plugin.pass(after, () => events(clock.now()).forEach(notify));
  return { silentFor: before, plugins: [plugin] };
}

function lifetime(type: "token_lifetime" | "certificate_lifetime", expiresAt: number): Event {
  return { type, provider: "a", expiresAt };
}

function socketEvent(action: "silent" | "accept_refused"): Event {
  return { type: "socket", action, path: "/run/kms.sock", message: "" };
}

/** Decrypts of what a node with other keys has sealed. */
async function foreignKeys(start: Stage, envelopes: number): Promise<Course> {
  const other = await start(memoryProviders("a"));
  await other.pass(2);
  const sealed: Sealed[] = [];
  for (let i = 0; i < envelopes; i++) sealed.push(await other.seal());
  const plugin = await start(memoryProviders("a"));
  await plugin.pass(5);
  await plugin.pass(20, async () => {
    for (const one of sealed) await plugin.open(one);
  });
  return { silentFor: 5, plugins: [plugin] };
}

async function faulty(start: Stage, fault: "permission_denied" | "unreachable", minutes: number): Promise<Course> {
  const [a] = memoryProviders("a");
  const plugin = await start([a]);
  await plugin.pass(5, () => plugin.seal());
  a.faults.set("all", fault);
  await plugin.pass(minutes);
  return { silentFor: 5, plugins: [plugin] };
}

async function anotherSealed(start: Stage, a: MemoryProvider): Promise<Sealed> {
  const other = await start([a]);
  await other.pass(2);
  return await other.seal();
}

/** A plugin, its KMS, and what another node with the same key has sealed. */
async function reading(start: Stage, options: WatchedOptions = {}) {
  const [a] = memoryProviders("a");
  const sealed = await anotherSealed(start, a);
  return [await start([a], options), a, sealed] as const;
}

/** Alerts that `prometheus_test.ts` sees. */
const live = ["TrousseauDown", "KubeApiserverKeyIdNotOfPlugin"];

/** Alerts that only `rules_cases.yaml` and `rules_cases_days.yaml` show. */
const casesAlone = [
  "TrousseauRestarts",
  "KubeApiserverRefusesEncryptionConfiguration",
  "KubeApiserverRefusesKeyId",
  "TrousseauDrillFailed",
  "TrousseauDrillNotRun",
];

Deno.test("every alert is seen on real metrics, or is one of the few that promtool's cases alone show", async () => {
  // Those about the keyring: keyring_rules_readings_test.ts.
  const text = await Deno.readTextFile(rules);
  const alerts = [...text.matchAll(/- alert: (?!TrousseauKeyring)(\w+)/g)].map(([, alert = ""]) => alert);
  deepEqual([...Object.keys(courses), ...live, ...casesAlone].toSorted(), alerts.toSorted());
});

for (const [alert, course] of Object.entries(courses)) {
  Deno.test(`${alert} fires on the metrics of a plugin in its state, and not before`, async () => {
    await using stack = new AsyncDisposableStack();
    const { silentFor, plugins } = await course(async (kms, options) =>
      stack.use(await WatchedPlugin.start(kms, options))
    );
    await inFolder(async (folder) => {
      const step = `${(plugins[0]?.stepMs ?? 0) / 1000}s`;
      const at = (reading: number) => `${reading * Number.parseInt(step)}s`;
      const readings = plugins[0]?.pages.length ?? 0;
      const expr = `count by (alertname) (ALERTS{alertname="${alert}", alertstate="firing"})`;
      const firing = [{ labels: `{alertname="${alert}"}`, value: 1 }];
      await Deno.writeTextFile(
        `${folder}/cases.yaml`,
        JSON.stringify({
          rule_files: [rules],
          evaluation_interval: step,
          tests: [{
            interval: step,
            input_series: plugins.flatMap((plugin) => plugin.series()),
            promql_expr_test: [
              { expr, eval_time: at(silentFor - 1), exp_samples: [] },
              { expr, eval_time: at(readings - 1), exp_samples: firing },
            ],
          }],
        }),
      );
      const { code, stdout, stderr } = await run("promtool", ["test", "rules", `${folder}/cases.yaml`]);
      equal(code, 0, `${stdout}${stderr}`);
    });
  });
}
