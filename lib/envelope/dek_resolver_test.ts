import assert from "node:assert/strict";
import { equalBytes } from "../base/bytes.ts";
import { deadline, orAborted, timeoutReason } from "../base/deadline.ts";
import { type ErrorCode, KmsError, toKmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { enforceContract } from "../provider/enforced_contract.ts";
import type { CallOptions, Provider, WrappedDek } from "../provider/provider.ts";
import { Waits } from "../base/waits.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { memoryProviders } from "../../tests/support/memory_provider.ts";
import { type DekRequest, DekResolver, type OpenedSeed } from "./dek_resolver.ts";
import { Latencies } from "./latency.ts";
import { dekUnwrapper, type Holder, type Unwrapper, type UnwrapStrategy } from "./unwrap.ts";
import { UnwrapCache } from "./unwrap_cache.ts";

/** A provider whose server never answers an unwrap. */
function silent(inner: Provider): Provider {
  const waits = new Waits();
  const hanging: Provider = {
    ...inner,
    name: inner.name,
    kind: inner.kind,
    canUnwrap: inner.canUnwrap,
    unwrap: () => {
      waits.begin(`Vault at https://${inner.name}.test`).connected();
      return new Promise(() => {});
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return enforceContract(hanging, { notify: () => {}, waits });
}

function holders(...names: string[]): Holder[] {
  return memoryProviders(...names).map((provider) => ({
    provider: dekUnwrapper(silent(provider), "v2"),
    wrap: { name: provider.name, version: "1", ciphertext: new Uint8Array(48) },
    sick: false,
  }));
}

async function errorOf(asked: readonly Holder[]): Promise<KmsError> {
  const clock = new FakeClock();
  using source = new DekResolver({
    cache: new UnwrapCache({ entries: 10, maxAgeMs: 1000, graceOnOutageMs: 0, lifetimeMs: 1000 }, clock, () => {}),
    clock,
    strategy: "fastest",
    latencies: new Latencies(),
    lastGoodAt: () => undefined,
    onMismatch: () => {},
  });
  using bound = deadline(300, new AbortController().signal);
  const call = { signal: bound.signal };
  try {
    await source.open({ reference: "00", holders: () => asked, open: () => undefined, call });
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, String(thrown));
    return thrown;
  }
  throw new Error("It opened.");
}

Deno.test("open() says which server was silent for how long when an RPC's deadline passes", async () => {
  const { code, message } = await errorOf(holders("a"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap with provider "a": Vault at https:\/\/a\.test did not answer within 0\.\d s\.$/,
  );
});

Deno.test("open() says it of every provider that was asked", async () => {
  const { code, message } = await errorOf(holders("a", "b"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap a data key within the deadline\. .*https:\/\/a\.test did not answer within 0\.\d s\./,
  );
});

/** One provider that a test answers for. */
class Key implements Unwrapper {
  /** The answer of each call; a promise that stays open stands for a silent server. */
  answer: () => Promise<Uint8Array | undefined>;
  readonly calls: CallOptions[] = [];
  /** Whether it ends with its call's signal. */
  heeds = true;

  constructor(readonly name: string, answer: () => Promise<Uint8Array | undefined> = () => Promise.resolve(dek)) {
    this.answer = answer;
  }

  async unwrap(_wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array | undefined> {
    this.calls.push(call);
    if (!this.heeds) return await this.answer();
    return await orAborted(this.answer(), call.signal, `unwrap with provider "${this.name}"`);
  }

  /** From now on it fails. */
  fail(code: ErrorCode): void {
    this.answer = () => Promise.reject(new KmsError(code, `It is ${code}.`));
  }

  /** From now on it is silent. */
  hang(): void {
    this.answer = () => new Promise(() => {});
  }
}

const dek = new Uint8Array(32).fill(1);
const wrongDek = new Uint8Array(32).fill(2);
const seed = new Uint8Array(32).fill(3);
const limits = { entries: 10, maxAgeMs: 60_000, graceOnOutageMs: 3_600_000, lifetimeMs: 86_400_000 };
const never = new AbortController().signal;

class Stage implements Disposable {
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  readonly mismatched: string[] = [];
  readonly goodAt = new Map<string, number>();
  readonly cache = new UnwrapCache(limits, this.clock, (event) => this.events.push(event));
  readonly source: DekResolver;
  readonly keys: readonly Key[];

  constructor(keys: readonly Key[], strategy: UnwrapStrategy = "ordered") {
    this.keys = keys;
    this.source = new DekResolver({
      cache: this.cache,
      clock: this.clock,
      strategy,
      latencies: new Latencies(),
      lastGoodAt: (name) => this.goodAt.get(name),
      onMismatch: (name) => void this.mismatched.push(name),
    });
  }

  request(reference = "00", given: Partial<DekRequest> = {}): DekRequest {
    return {
      reference,
      holders: () =>
        this.keys.map((provider) => ({
          provider,
          wrap: { name: provider.name, version: `${provider.name}1`, ciphertext: Uint8Array.of(1) },
          sick: false,
        })),
      open: (other) => equalBytes(other, dek) ? seed : undefined,
      call: { signal: never },
      ...given,
    };
  }

  async open(reference?: string, given?: Partial<DekRequest>): Promise<OpenedSeed> {
    return await this.source.open(this.request(reference, given));
  }

  /** How it was found, or the code of the error. */
  async outcome(reference?: string, given?: Partial<DekRequest>): Promise<string> {
    return await this.open(reference, given).then(({ cache }) => cache, (thrown) => toKmsError(thrown).code);
  }

  get evicted(): string[] {
    return this.events.flatMap((event) => event.type === "cache_evicted" ? [event.reason] : []);
  }

  [Symbol.dispose](): void {
    this.source[Symbol.dispose]();
  }
}

/** The state of a promise: its result or error, or `waits`. */
async function stateOf<T>(work: Promise<T>): Promise<T | "waits"> {
  return await Promise.race([work, new Promise<"waits">((resolve) => setImmediate(() => resolve("waits")))]);
}

Deno.test("open() asks a provider once, and then serves from memory until maxAge", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = new Stage([a, b]);
  const holders = [{ name: "a", version: "a1" }, { name: "b", version: "b1" }];
  assert.deepEqual(await stage.open(), { seed, cache: "miss", holders, own: false });
  assert.deepEqual(await stage.open(), { seed, cache: "hit", holders, own: false });
  await stage.clock.advance(limits.maxAgeMs);
  assert.equal(await stage.outcome(), "hit");
  await stage.clock.advance(1);
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["miss", "hit"]);
  assert.deepEqual([a.calls.length, b.calls.length], [2, 0]);
});

Deno.test("open() refuses a sealed seed that a data key in memory does not open, and keeps the data key", async () => {
  using stage = new Stage([new Key("a")]);
  await stage.open();
  assert.equal(await stage.outcome("00", { open: () => undefined }), "integrity");
  assert.equal(await stage.outcome(), "hit");
});

Deno.test("open() tries a data key on the sealed seed once", async () => {
  using stage = new Stage([new Key("a", () => Promise.resolve(wrongDek)), new Key("b")]);
  const tried: Uint8Array[] = [];
  const open = (other: Uint8Array) => {
    tried.push(other);
    return other === dek ? seed : undefined;
  };
  assert.deepEqual((await stage.open("00", { open })).seed, seed);
  assert.deepEqual(tried, [wrongDek, dek]);
  assert.deepEqual(stage.mismatched, ["a"]);
});

Deno.test("open() asks the providers in turn, beginning with the first", async () => {
  const keys = [new Key("a"), new Key("b")];
  using stage = new Stage(keys, "roundrobin");
  const asked: number[][] = [];
  for (const reference of ["01", "02", "03"]) {
    await stage.open(reference);
    asked.push(keys.map(({ calls }) => calls.length));
  }
  assert.deepEqual(asked, [[1, 0], [1, 1], [2, 1]]);
});

Deno.test("remember() keeps a data key of this process, which it stays when its provider has confirmed it", async () => {
  using stage = new Stage([new Key("a")]);
  const wraps = [{ name: "a", version: "a1", ciphertext: Uint8Array.of(1) }];
  assert.equal(stage.source.knows("00", wraps), false);
  stage.source.remember("00", dek, wraps, [{ name: "a", version: "a1" }]);
  assert.deepEqual(await stage.open(), { seed, cache: "hit", holders: [{ name: "a", version: "a1" }], own: true });
  assert.equal(stage.source.knows("00", wraps), true);
  assert.equal(stage.source.knows("00", [{ name: "a", version: "a2", ciphertext: Uint8Array.of(1) }]), false);
  await stage.clock.advance(limits.maxAgeMs + 1);
  const { cache, own } = await stage.open();
  assert.deepEqual([cache, own], ["miss", true]);
  assert.equal(stage.source.knows("00", wraps), false, "this request came without wraps");
});

Deno.test("knows() holds for the wraps of a request, whatever becomes of its memory", async () => {
  using stage = new Stage([new Key("a")]);
  const ciphertext = Uint8Array.of(1);
  await stage.open("00", { wraps: [{ name: "a", version: "a1", ciphertext }] });
  ciphertext.fill(9);
  assert.equal(stage.source.knows("00", [{ name: "a", version: "a1", ciphertext: Uint8Array.of(1) }]), true);
});

Deno.test("open() makes one call for equal requests at the same time", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  const outcomes = await Promise.all([stage.outcome(), stage.outcome(), stage.outcome("01"), stage.outcome()]);
  assert.deepEqual(outcomes, ["miss", "shared", "miss", "shared"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() asks again for itself where the shared call was made for a sealed seed that does not open", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  const changed = stage.outcome("00", { open: () => undefined });
  assert.deepEqual(await Promise.all([changed, stage.outcome()]), ["integrity", "miss"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() gives the error of a shared call to all who wait for it", async () => {
  const a = new Key("a");
  a.fail("key_unknown");
  using stage = new Stage([a]);
  assert.deepEqual(await Promise.all([stage.outcome(), stage.outcome()]), ["key_unknown", "key_unknown"]);
  assert.equal(a.calls.length, 1);
  a.fail("unreachable");
  assert.equal(await stage.outcome(), "unreachable");
});

Deno.test("open() gives a shared call up when the last who waits has given up", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const [one, other] = [new AbortController(), new AbortController()];
  const first = stage.outcome("00", { call: { signal: one.signal } });
  const second = stage.outcome("00", { call: { signal: other.signal } });
  one.abort();
  assert.equal(await first, "cancelled");
  assert.equal(a.calls[0]?.signal.aborted, false);
  const reason = timeoutReason();
  other.abort(reason);
  assert.equal(await second, "deadline_exceeded");
  assert.equal(a.calls[0]?.signal.reason, reason);
  assert.equal(a.calls.length, 1);
});

Deno.test("open() shares no call that is being given up", async () => {
  const keys = [new Key("a"), new Key("b")];
  keys.forEach((key) => key.hang());
  using stage = new Stage(keys);
  const caller = new AbortController();
  const first = stage.outcome("00", { call: { signal: caller.signal } });
  await stage.clock.settle();
  caller.abort(timeoutReason());
  // Within this turn of the event loop the call still waits for the providers' own errors.
  for (let i = 0; i < 10; i++) await Promise.resolve();
  keys.forEach((key) => key.answer = () => Promise.resolve(dek));
  assert.deepEqual(await Promise.all([stage.outcome(), first]), ["miss", "deadline_exceeded"]);
});

Deno.test("open() shares the call that was made after one that was given up", async () => {
  const a = new Key("a");
  a.hang();
  a.heeds = false;
  using stage = new Stage([a]);
  const late = Promise.withResolvers<Uint8Array>();
  a.answer = () => late.promise;
  const caller = new AbortController();
  const first = stage.outcome("00", { call: { signal: caller.signal } });
  caller.abort();
  assert.equal(await first, "cancelled");
  const answer = Promise.withResolvers<Uint8Array>();
  a.answer = () => answer.promise;
  const second = stage.outcome();
  late.reject(new KmsError("unreachable", "Its connection was closed."));
  await stage.clock.settle();
  const third = stage.outcome();
  answer.resolve(dek);
  assert.deepEqual(await Promise.all([second, third]), ["miss", "shared"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() gives a call up after 10 s, whoever waits for it", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const outcome = stage.outcome();
  await stage.clock.advance(9_999);
  assert.equal(await stateOf(outcome), "waits");
  await stage.clock.advance(1);
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() keeps no timer of a call that has ended", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  await stage.open();
  assert.equal(stage.clock.untilNext(), Infinity);
});

Deno.test("open() tells a provider how long the most patient caller waits, 10 s at most", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const caller = new AbortController();
  const wait = (left?: number) =>
    stage.outcome("00", { call: { signal: caller.signal, ...(left === undefined ? {} : { left: () => left }) } });
  const left = () => a.calls[0]?.left?.();
  const waiting = [wait()];
  assert.equal(left(), undefined);
  waiting.push(wait(3_000));
  assert.equal(left(), 3_000);
  waiting.push(wait(9_000), wait(5_000));
  assert.equal(left(), 9_000);
  await stage.clock.advance(4_000);
  assert.equal(left(), 6_000);
  caller.abort();
  assert.deepEqual(await Promise.all(waiting), waiting.map(() => "cancelled"));
});

/** A stage whose data key is in memory and past maxAge. */
async function aged(...keys: readonly Key[]): Promise<Stage> {
  const stage = new Stage(keys);
  await stage.open();
  await stage.clock.advance(limits.maxAgeMs + 1);
  return stage;
}

Deno.test("open() serves an old data key on in an outage, and asks its provider every 10 s", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.fail("unreachable");
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["stale", "stale"]);
  assert.equal(a.calls.length, 2);
  await stage.clock.advance(9_999);
  assert.equal(await stage.outcome(), "stale");
  assert.equal(a.calls.length, 2);
  await stage.clock.advance(1);
  assert.equal(await stage.outcome(), "stale");
  assert.equal(a.calls.length, 3);
  a.answer = () => Promise.resolve(dek);
  await stage.clock.advance(10_000);
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["miss", "hit"]);
});

Deno.test("open() waits 1 s for a silent provider of an old data key", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  const outcome = stage.outcome("00", { call: { signal: never, left: () => 3_000 } });
  await stage.clock.advance(999);
  assert.equal(a.calls[1]?.left?.(), 1);
  assert.equal(await stateOf(outcome), "waits");
  await stage.clock.advance(1);
  assert.equal(await outcome, "stale");
  assert.equal(stage.clock.untilNext(), Infinity);
});

Deno.test("open() of an old data key waits no longer than its caller, and then fails", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  const caller = new AbortController();
  const outcome = stage.outcome("00", { call: { signal: caller.signal, left: () => 300 } });
  await stage.clock.settle();
  assert.equal(a.calls[1]?.left?.(), 300);
  caller.abort(timeoutReason());
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() serves an old data key on until the grace since the last good answer of any holder is over", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  const confirmedAt = stage.clock.now() - limits.maxAgeMs - 1;
  for (const key of [a, b]) key.fail("unreachable");
  await stage.clock.advance(confirmedAt + limits.graceOnOutageMs - stage.clock.now() - 1);
  assert.equal(await stage.outcome(), "stale");
  await stage.clock.advance(1);
  assert.equal(await stage.outcome(), "quorum_not_reached");
  assert.deepEqual(stage.evicted, []);
  stage.goodAt.set("a", confirmedAt + 1).set("b", confirmedAt);
  assert.equal(await stage.outcome(), "stale");
});

Deno.test("open() waits for a provider as long as its caller does once the grace is over", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  await stage.clock.advance(limits.graceOnOutageMs);
  const outcome = stage.outcome();
  await stage.clock.advance(5_000);
  assert.equal(await stateOf(outcome), "waits");
  assert.equal(a.calls[1]?.left?.(), undefined);
});

Deno.test("open() fails when the grace ends while its provider is asked", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  await stage.clock.advance(limits.graceOnOutageMs - limits.maxAgeMs - 500);
  const outcome = stage.outcome();
  await stage.clock.advance(1_000);
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() forgets an old data key at once when every holder says that its key is unusable", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  for (const key of [a, b]) key.fail("key_unusable");
  for (const keys of [[a], [a, b]]) {
    const good = keys.map(({ name }) => new Key(name));
    using stage = await aged(...good);
    good.forEach((key) => key.fail("key_unusable"));
    assert.equal(await stage.outcome(), keys.length === 1 ? "key_unusable" : "quorum_not_reached");
    assert.deepEqual(stage.evicted, ["refused"]);
    assert.equal(stage.cache.peek("00"), undefined);
  }
});

Deno.test("open() forgets an old data key when permission is denied again 10 s later", async () => {
  for (const other of ["permission_denied", "key_unusable"] as const) {
    const [a, b] = [new Key("a"), new Key("b")];
    using stage = await aged(a, b);
    a.fail("permission_denied");
    b.fail(other);
    assert.deepEqual([await stage.outcome(), stage.evicted], ["stale", []]);
    await stage.clock.advance(10_000);
    assert.deepEqual([await stage.outcome(), stage.evicted], ["quorum_not_reached", ["refused"]]);
  }
});

Deno.test("open() keeps an old data key while one holder may still open it, whoever refuses", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  a.fail("key_unusable");
  b.fail("unreachable");
  for (let i = 0; i < 3; i++) {
    assert.equal(await stage.outcome(), "stale");
    await stage.clock.advance(10_000);
  }
  assert.deepEqual(stage.evicted, []);
});

Deno.test("open() keeps an old data key while one holder is silent, whoever refuses", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  a.fail("key_unusable");
  b.hang();
  b.heeds = false;
  const outcome = stage.outcome();
  await stage.clock.advance(1_000);
  assert.deepEqual([await outcome, stage.evicted], ["stale", []]);
});

Deno.test("DekResolver ends its calls and wipes its data keys when it is disposed of", async () => {
  const a = new Key("a");
  const stage = new Stage([a]);
  stage.source.remember("01", dek.slice(), [], []);
  const kept = stage.cache.peek("01")?.dek;
  a.hang();
  const outcome = stage.outcome();
  await stage.clock.settle();
  stage[Symbol.dispose]();
  assert.equal(await outcome, "cancelled");
  assert.deepEqual(kept, new Uint8Array(32));
});
