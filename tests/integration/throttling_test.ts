/**
 * A throttling KMS or login service of each vendor, with and without Retry-After: a call is repeated until shortly before
 * its deadline, and every attempt is counted.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Clock } from "../../lib/base/clock.ts";
import type { KmsError } from "../../lib/base/errors.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { decorate } from "../../lib/provider/decorated.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { AwsDouble, type AwsFault } from "../support/aws_double.ts";
import { role } from "../support/aws_logins.ts";
import { openAws } from "../support/aws_settings.ts";
import { openAzure } from "../support/azure_settings.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { GcpDouble, type GcpFault } from "../support/gcp_double.ts";
import { detail } from "../support/gcp_keys.ts";
import { openGcp } from "../support/gcp_settings.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { pause } from "../support/processes.ts";
import { refuse, VaultDouble } from "../support/vault_double.ts";
import { MemorySecret, openVault, patient, userpassAuth } from "../support/vault_settings.ts";

const dek = new Uint8Array(47).fill(7);

/** A provider whose KMS or login service can throttle. */
interface Stage extends AsyncDisposable {
  readonly provider: Provider;
  /** Starts to throttle. @param retryAfter the Retry-After header in seconds. */
  busy(retryAfter?: string): void;
  idle(): void;
  /** The number of requests to the busy service. */
  asked(): number;
}

type Open = (clock: Clock) => Promise<Stage>;

/** A stage over a double, which is disposed of last. */
function stageOf(double: AsyncDisposable, provider: Provider, rest: Pick<Stage, "busy" | "idle" | "asked">): Stage {
  return {
    provider,
    ...rest,
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await double[Symbol.asyncDispose]();
    },
  };
}

async function vault(clock: Clock, part: string): Promise<Stage> {
  const double = new VaultDouble();
  const { provider } = await openVault(double.address, { auth: userpassAuth() }, { clock });
  return stageOf(double, provider, {
    busy: (retryAfter) => {
      if (part.includes("login")) double.valid.clear();
      const headers: Record<string, string> = retryAfter === undefined ? {} : { "retry-after": retryAfter };
      double.intercept = ({ path }) =>
        path.startsWith(part) ? refuse(429, "request path rate limited", headers) : undefined;
    },
    idle: () => double.intercept = undefined,
    asked: () => double.asked(part).length,
  });
}

async function aws(clock: Clock, fault: Extract<AwsFault, { readonly kind: "status" }>): Promise<Stage> {
  const double = await AwsDouble.start();
  const { provider } = await openAws(double, {}, clock);
  return stageOf(double, provider, {
    busy: (retryAfter) => double.fault = retryAfter === undefined ? fault : { ...fault, retryAfter },
    idle: () => double.fault = undefined,
    asked: () => double.calls.filter(({ operation }) => operation === "Decrypt").length,
  });
}

async function awsLogin(clock: Clock): Promise<Stage> {
  const double = await AwsDouble.start();
  const token = new MemorySecret(double.logins.webToken);
  const auth = { method: "web-identity", roleArn: role.arn, sessionName: "trousseau", token } as const;
  const { provider } = await openAws(double, { auth }, clock);
  return stageOf(double, provider, {
    busy: () => {
      double.logins.revoke();
      double.logins.busy = true;
    },
    idle: () => double.logins.busy = false,
    asked: () => double.logins.logins,
  });
}

async function azure(clock: Clock): Promise<Stage> {
  const double = await KeyVaultDouble.start();
  const { provider } = await openAzure(double, {}, clock);
  return stageOf(double, provider, {
    busy: (retryAfter) => {
      const fault = { kind: "status", status: 429, code: "Throttled" } as const;
      double.fault = retryAfter === undefined ? fault : { ...fault, retryAfter };
    },
    idle: () => double.fault = undefined,
    asked: () => double.requests.filter(({ path }) => path.endsWith("/unwrapkey")).length,
  });
}

async function azureLogin(clock: Clock): Promise<Stage> {
  const double = await KeyVaultDouble.start();
  const { provider } = await openAzure(double, {}, clock);
  return stageOf(double, provider, {
    busy: () => {
      double.entra.revoke();
      double.entra.busy = true;
    },
    idle: () => double.entra.busy = false,
    asked: () => double.entra.logins,
  });
}

async function gcp(clock: Clock, fault: Extract<GcpFault, { readonly kind: "status" }>): Promise<Stage> {
  const double = await GcpDouble.start();
  const { provider } = await openGcp(double, {}, clock);
  return stageOf(double, provider, {
    busy: (retryAfter) => double.fault = retryAfter === undefined ? fault : { ...fault, retryAfter },
    idle: () => double.fault = undefined,
    asked: () => double.calls.filter(({ operation }) => operation === "decrypt").length,
  });
}

async function gcpLogin(clock: Clock): Promise<Stage> {
  const double = await GcpDouble.start();
  const { provider } = await openGcp(double, {}, clock);
  return stageOf(double, provider, {
    busy: () => {
      double.logins.revoke();
      double.logins.busy = true;
    },
    idle: () => double.logins.busy = false,
    asked: () => double.logins.logins,
  });
}

const rateLimited = detail("ErrorInfo", { reason: "RATE_LIMIT_EXCEEDED", domain: "googleapis.com" });

/** The busy services, by their answers. */
const kms: Readonly<Record<string, Open>> = {
  "Vault: 429": (clock) => vault(clock, "transit/decrypt/"),
  "AWS: ThrottlingException": (clock) => aws(clock, { kind: "status", status: 400, code: "ThrottlingException" }),
  "AWS: LimitExceededException": (clock) => aws(clock, { kind: "status", status: 400, code: "LimitExceededException" }),
  "AWS: 503 SlowDown": (clock) => aws(clock, { kind: "status", status: 503, code: "SlowDown" }),
  "Azure: 429": (clock) => azure(clock),
  "Google: RESOURCE_EXHAUSTED": (clock) => gcp(clock, { kind: "status", status: 429, name: "RESOURCE_EXHAUSTED" }),
  "Google: 429 of a proxy": (clock) => gcp(clock, { kind: "status", status: 429 }),
  "Google: RATE_LIMIT_EXCEEDED": (clock) =>
    gcp(clock, { kind: "status", status: 403, name: "PERMISSION_DENIED", details: [rateLimited] }),
};

const logins: Readonly<Record<string, Open>> = {
  "a login at Vault": (clock) => vault(clock, "auth/userpass/login"),
  "a login at AWS STS": awsLogin,
  "a login at Entra ID": azureLogin,
  "a login at Google's metadata server": gcpLogin,
};

interface Outcome {
  readonly error: KmsError | undefined;
  /** Duration of the call in milliseconds. */
  readonly took: number;
  /** The number of requests to the busy service. */
  readonly asked: number;
  /** The counted results of the provider's calls. */
  readonly results: readonly string[];
}

/** Milliseconds until the deadline of a call. */
const deadline = 2_900;

/** Unwraps while the service throttles, for `busyMs` milliseconds. */
async function unwrapWhileBusy(open: Open, busyMs: number, retryAfter?: string): Promise<Outcome> {
  const clock = new FakeClock();
  await using stage = await open(clock);
  const events: Event[] = [];
  const decorated = decorate(stage.provider, { notify: (event) => events.push(event), clock });
  const wrapped = await decorated.wrap(dek, await decorated.probe(patient), patient);
  stage.busy(retryAfter);
  const [before, start] = [stage.asked(), clock.now()];
  events.length = 0;
  let over = false;
  const call = { signal: patient.signal, left: () => start + deadline - clock.now() };
  const outcome = decorated.unwrap(wrapped, call).then(() => undefined, (thrown) => thrown as KmsError)
    .finally(() => over = true);
  while (!over) {
    const due = clock.untilNext();
    // Later timers belong to a token or a login.
    if (due <= 5_000) await clock.advance(due);
    else await pause(1);
    if (clock.now() - start >= busyMs) stage.idle();
  }
  const error = await outcome;
  return {
    error,
    took: clock.now() - start,
    asked: stage.asked() - before,
    results: events.flatMap((event) => event.type === "provider_call" ? [event.result] : []),
  };
}

for (const [what, open] of Object.entries({ ...kms, ...logins })) {
  Deno.test(`${what}: a throttled call is repeated until it is answered`, async () => {
    const { error, took, asked, results } = await unwrapWhileBusy(open, 1_500);
    assert.equal(error, undefined);
    assert.ok(took >= 1_500 && took < deadline, `${took}`);
    assert.ok(asked >= 3 && asked <= 12, `${asked}`);
    assert.equal(results.at(-1), "ok");
    assert.ok(results.slice(0, -1).every((result) => result === "throttled"), `${results}`);
  });

  Deno.test(`${what}: a call that is not answered ends shortly before its deadline`, async () => {
    const { error, took, asked, results } = await unwrapWhileBusy(open, Infinity);
    assert.equal(error?.code, "throttled");
    // A throttled login is not repeated at once for any call.
    const sentence = /^Cannot (unwrap|log in) with provider "[a-z-]+": .* answered \d{3} .*\)\.(?: The next try .*)?$/;
    assert.match(error.message, sentence);
    assert.ok(took >= deadline - 1_000 && took < deadline, `${took}`);
    assert.ok(asked >= 3 && asked <= 12, `${asked}`);
    assert.ok(results.length >= asked && results.length <= 12, `${results.length} calls, ${asked} requests`);
    assert.ok(results.every((result) => result === "throttled"), `${results}`);
  });
}

for (const [what, open] of Object.entries(kms)) {
  Deno.test(`${what}: a Retry-After is obeyed, and one beyond the deadline ends the call at once`, async () => {
    const kept = await unwrapWhileBusy(open, 1_500, "1");
    assert.equal(kept.error, undefined);
    assert.equal(kept.asked, 3);
    const { error, took, asked } = await unwrapWhileBusy(open, Infinity, "60");
    assert.deepEqual([error?.code, error?.retryAfterMs, took, asked], ["throttled", 60_000, 0, 1]);
    assert.match(
      error?.message ?? "",
      /\)\. The next try may come in 60 s, which is longer than this call can wait\.$/,
    );
  });
}
