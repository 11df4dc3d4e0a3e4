/**
 * A plugin on a clock that a test moves, whose `/metrics` are read once in each step, and the readings as a test of
 * promtool. Only its KMS are doubles.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { KmsHandlers } from "../../../lib/api/kms/server.ts";
import { decorate } from "../../../lib/provider/decorated.ts";
import { kmsHandlers } from "../../../lib/services/kms/handlers.ts";
import {
  type OpenedService,
  openService,
  type Sealed,
  type ServiceOptions,
} from "../../../lib/services/kms/service.ts";
import { underPolicy } from "../../../lib/services/kms/outage.ts";
import { kmsOperations } from "../../../lib/services/kms/rpc_event.ts";
import { kmsGauges } from "../../../lib/services/kms/status_metrics.ts";
import type { LineTarget } from "../../../lib/telemetry/line_target.ts";
import { openTelemetry, type Telemetry } from "../../../lib/telemetry/telemetry.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import type { MemoryProvider } from "../../support/memory_provider.ts";
import { MemoryStore } from "../../support/memory_store.ts";
import { serviceSettings } from "../../support/test_service.ts";

const call = { signal: new AbortController().signal };
const outage = { policy: "keepWriting", afterMs: 600_000 } as const;
const quiet: LineTarget = {
  prepare: () => Promise.resolve(false),
  write: (bytes) => Promise.resolve(bytes.length),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Options of a plugin; the rest is as in the default configuration. */
export type WatchedOptions = Partial<Pick<ServiceOptions, "wrap" | "cache" | "readForeign" | "stateFolder">> & {
  readonly retired?: readonly MemoryProvider[];
  readonly instance?: string;
  readonly clock?: FakeClock;
  /** The target of the audit; none if left out. */
  readonly audit?: LineTarget;
  /** The target of the log; it is dropped if left out. */
  readonly log?: LineTarget;
  /** The time between two readings in milliseconds; a minute if left out. */
  readonly stepMs?: number;
};

/** A running plugin and its readings. */
export class WatchedPlugin implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly stepMs: number;
  readonly pages: string[] = [];
  readonly handlers: KmsHandlers;
  readonly service: OpenedService;
  readonly telemetry: Telemetry;
  readonly #instance: string;
  readonly #start: number;

  private constructor(parts: Pick<WatchedPlugin, "service" | "telemetry" | "clock">, options: WatchedOptions) {
    Object.assign(this, parts);
    this.service = parts.service;
    this.telemetry = parts.telemetry;
    this.clock = parts.clock;
    this.stepMs = options.stepMs ?? 60_000;
    this.#instance = options.instance ?? "a";
    this.#start = this.clock.wall();
    const { notify } = parts.telemetry;
    this.handlers = kmsHandlers({
      service: parts.service,
      notify,
      kms: { v1beta1: true, reportVersion: "v2" },
      outage,
      version: "0",
    });
  }

  /** Starts a plugin with these KMS. */
  static async start(kms: readonly MemoryProvider[], options: WatchedOptions = {}): Promise<WatchedPlugin> {
    const { retired = [], clock = new FakeClock(), audit, log = quiet, instance: _, stepMs: __, ...rest } = options;
    const telemetry = await openTelemetry({
      log: { level: "error", format: "json", colours: false },
      audit: undefined,
      version: "0",
      clock,
      targets: { log, ...(audit && { audit }) },
      countable: {
        apis: kmsOperations,
        providers: [...kms, ...retired].map(({ name, kind }) => ({ name, kind, method: "token" })),
      },
    });
    const { notify } = telemetry;
    const named = (provider: MemoryProvider) => ({ provider: decorate(provider, { notify, clock }), formerly: [] });
    const service = await openService({
      ...serviceSettings,
      wrap: kms.length > 1 ? 2 : 1,
      ...rest,
      providers: kms.map(named),
      retired: retired.map(named),
      store: new MemoryStore(),
      clock,
      notify,
    });
    return new WatchedPlugin({ service, telemetry, clock }, options);
  }

  /** Lets steps pass, with a Status of the API server and then `work` in each, and reads the metrics at its end. */
  async pass(steps: number, work: () => unknown = () => undefined): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.#ignored(() => this.handlers.v2.Status({}, call as never));
      await this.#ignored(work);
      await this.clock.advance(this.stepMs);
      await this.#read();
    }
  }

  /** Encrypts as an API server does. */
  async seal(): Promise<Sealed> {
    const plaintext = new Uint8Array(randomBytes(32));
    const answer = await this.handlers.v2.Encrypt({ plaintext, uid: "api-server" }, call as never);
    return { keyId: answer.key_id, ciphertext: answer.ciphertext, annotations: answer.annotations };
  }

  /** Decrypts as an API server does, whatever comes of it. */
  async open({ keyId, ...sealed }: Sealed): Promise<void> {
    await this.#ignored(() => this.handlers.v2.Decrypt({ ...sealed, key_id: keyId, uid: "api-server" }, call as never));
  }

  /** Decrypts over v1beta1, whatever comes of it. */
  async openV1(cipher: Uint8Array): Promise<void> {
    await this.#ignored(() => this.handlers.v1beta1?.Decrypt({ version: "v1beta1", cipher }, call as never));
  }

  /** The readings as `input_series` of promtool. Its time begins at 0, so that moments are shifted to that. */
  series(): readonly { readonly series: string; readonly values: string }[] {
    const values = new Map<string, string[]>();
    for (const [at, page] of this.pages.entries()) {
      for (const line of page.split("\n").filter((line) => /^[a-z]/.test(line))) {
        const cut = line.lastIndexOf(" ");
        const [name = "", labels = ""] = line.slice(0, cut).replace(/\}$/, "").split(/\{(.*)/s);
        const key = `${name}{job="trousseau",instance="${this.#instance}"${labels && `,${labels}`}}`;
        const row = values.get(key) ?? Array<string>(this.pages.length).fill("_");
        const value = Number(line.slice(cut + 1));
        row[at] = String(name.endsWith("_timestamp_seconds") ? value - this.#start / 1000 : value);
        values.set(key, row);
      }
    }
    return [...values].map(([series, row]) => ({ series, values: row.join(" ") }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    await this.telemetry[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    const status = underPolicy(outage, this.service.peek());
    this.pages.push(await this.telemetry.metrics.render(kmsGauges(status, this.clock.wall())));
  }

  // A refused call is what some states consist of.
  async #ignored(work: () => unknown): Promise<void> {
    const done = Promise.resolve().then(work).catch(() => undefined);
    let isDone = false;
    done.finally(() => isDone = true);
    await this.clock.settle();
    while (!isDone) await this.clock.advance(100);
  }
}
