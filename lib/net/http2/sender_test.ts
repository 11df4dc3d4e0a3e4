import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError, StreamError } from "./errors.ts";
import { FrameSplitter, frameTypes, type Http2Frame, preface } from "./frames.ts";
import { Sender } from "./sender.ts";
import { ServerStream } from "./stream.ts";
import { windows } from "./windows.ts";

const trailers = Uint8Array.of(0x88);
const host = { answer() {}, finish() {} };

/** A sender, and a client that records the frames. */
class Bench {
  readonly sent: ServerStream[] = [];
  readonly writes: Buffer[] = [];
  readonly sizes: number[] = [];
  readonly #bodies = new Map<number, Buffer[]>();
  readonly #closed = new Set<number>();
  readonly #work: (() => void)[] = [];
  readonly streams = new Set<ServerStream>();
  congested = false;
  readonly #splitter = new FrameSplitter();
  readonly sender = new Sender({
    write: (bytes) => this.writes.push(bytes),
    soon: (work) => this.#work.push(work),
    onSent: (stream) => this.sent.push(stream),
    streams: () => this.streams,
    congested: () => this.congested,
  });

  constructor() {
    this.#splitter.add(Buffer.from(preface));
  }

  send(id: number, length: number): ServerStream {
    const stream = new ServerStream(host, id);
    this.streams.add(stream);
    stream.sending = { answer: { head: trailers, body: bodyOf(length), trailers }, at: 0 };
    this.sender.send(stream);
    return stream;
  }

  /** Continues all blocked streams. @returns the number of pieces of work. */
  continueAll(): number {
    let pieces = 0;
    while (this.sender.continueOne()) pieces++;
    return pieces;
  }

  /** Continues all blocked streams, runs deferred work and reads the frames that were sent. */
  settle(): this {
    this.continueAll();
    for (const work of this.#work.splice(0)) work();
    for (const bytes of this.writes.splice(0)) this.#splitter.add(bytes);
    for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) this.#take(frame);
    return this;
  }

  #take({ type, flags, stream, bytes, from, to }: Http2Frame): void {
    assert.ok(!this.#closed.has(stream));
    if (type === frameTypes.DATA) {
      assert.equal(flags, 0);
      this.sizes.push(to - from);
      this.#bodies.set(stream, [...this.#bodies.get(stream) ?? [], bytes.subarray(from, to)]);
    } else {
      assert.deepEqual([type, flags, bytes.toString("hex", from, to)], [frameTypes.HEADERS, 5, "88"]);
      this.#closed.add(stream);
    }
  }

  /** The received body of a stream. */
  received(id: number): Buffer {
    return Buffer.concat(this.#bodies.get(id) ?? []);
  }

  closed(id: number): boolean {
    return this.#closed.has(id);
  }
}

function bodyOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

Deno.test("Sender.send() sends a response that fits at once, in one write with all other frames", () => {
  const bench = new Bench();
  const streams = [bench.send(1, 10), bench.send(3, 0), bench.send(5, 40_000)];
  assert.deepEqual(bench.sent, streams);
  assert.equal(bench.writes.length, 0);
  bench.settle();
  assert.deepEqual(bench.received(1), Buffer.from(bodyOf(10)));
  assert.deepEqual(bench.sizes, [10, 16_384, 16_384, 40_000 - 2 * 16_384]);
  assert.ok([1, 3, 5].every((id) => bench.closed(id)));
});

Deno.test("Sender writes once for all collected frames, and nothing if there are none", () => {
  const bench = new Bench();
  bench.sender.flush();
  assert.equal(bench.writes.length, 0);
  bench.send(1, 1);
  bench.send(3, 1);
  bench.sender.flush();
  assert.equal(bench.writes.length, 1);
  bench.settle();
  assert.ok(bench.closed(1) && bench.closed(3));
});

Deno.test("Sender.send() does nothing for a stream without a response", () => {
  const bench = new Bench();
  bench.sender.send(new ServerStream(host, 1));
  bench.sender.open(1);
  assert.deepEqual([bench.settle().sizes, bench.sent], [[], []]);
});

type Step =
  | { readonly do: "answer"; readonly length: number }
  | { readonly do: "open"; readonly increment: number }
  | { readonly do: "openStream"; readonly which: number; readonly increment: number }
  | { readonly do: "resize"; readonly window: number }
  | { readonly do: "maxPayload"; readonly most: number };

const size = fc.oneof(fc.nat(40), fc.nat(70_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer"), length: size }) },
  fc.record({ do: fc.constant("open"), increment: size }),
  fc.record({ do: fc.constant("openStream"), which: fc.nat(5), increment: size }),
  fc.record({ do: fc.constant("resize"), window: size }),
  fc.record({ do: fc.constant("maxPayload"), most: fc.constantFrom(1_000, 16_384) }),
);

/** The client's windows, and whether the received frames respect them. */
class Account {
  readonly bench = new Bench();
  readonly streams: { readonly stream: ServerStream; readonly length: number; allowed: number; received: number }[] =
    [];
  #allowed: number = windows.initial;
  #initial: number = windows.initial;

  act(step: Step): void {
    const { sender } = this.bench;
    if (step.do === "answer") {
      const stream = this.bench.send(2 * this.streams.length + 1, step.length);
      this.streams.push({ stream, length: step.length, allowed: this.#initial, received: 0 });
    } else if (step.do === "open") {
      this.#allowed += step.increment;
      sender.open(step.increment);
    } else if (step.do === "openStream") {
      const one = this.streams[step.which];
      if (one === undefined) return;
      one.allowed += step.increment;
      sender.openStream(one.stream, step.increment);
    } else if (step.do === "resize") {
      for (const one of this.streams) one.allowed += step.window - this.#initial;
      this.#initial = step.window;
      sender.resize(step.window);
    } else {
      sender.maxPayload = step.most;
    }
  }

  check(): void {
    const { sender, sizes, sent } = this.bench.settle();
    const left = this.#allowed -
      this.streams.reduce((sum, { stream }) => sum + this.bench.received(stream.id).length, 0);
    assert.ok(left >= 0);
    for (const one of this.streams) {
      const { stream, length, allowed } = one;
      const received = this.bench.received(stream.id).length;
      // Bytes that were sent before a window shrank stay sent.
      assert.ok(received === one.received || received <= allowed);
      assert.equal(sender.windowOf(stream), allowed - received);
      assert.ok(received === length || left === 0 || received >= allowed, "It waits without need.");
      assert.equal(this.bench.closed(stream.id), received === length);
      assert.equal(sent.includes(stream), received === length);
      one.received = received;
    }
    assert.ok(sizes.splice(0).every((size) => size > 0 && size <= sender.maxPayload));
  }
}

Deno.test("Sender sends every body completely, and never more than a window or the maximum payload permits", () => {
  fc.assert(fc.property(fc.array(step, { minLength: 4, maxLength: 16 }), (steps) => {
    const account = new Account();
    const { bench, streams } = account;
    for (const step of steps) {
      account.act(step);
      account.check();
    }
    account.act({ do: "open", increment: 2 ** 24 });
    streams.forEach((_, which) => account.act({ do: "openStream", which, increment: 2 ** 20 }));
    account.check();
    for (const { stream, length } of streams) {
      assert.ok(bench.closed(stream.id));
      assert.deepEqual(bench.received(stream.id), Buffer.from(bodyOf(length)));
    }
  }));
});

Deno.test("Sender.open() continues every stream that waits for the connection's window", () => {
  const bench = new Bench();
  for (const id of [1, 3, 5]) bench.send(id, 40_000);
  assert.deepEqual([1, 3, 5].map((id) => bench.settle().received(id).length), [40_000, windows.initial - 40_000, 0]);
  bench.sender.open(3 * 40_000 - windows.initial - 1);
  assert.deepEqual([1, 3, 5].map((id) => bench.settle().received(id).length), [40_000, 40_000, 39_999]);
  bench.sender.open(1);
  assert.ok(bench.settle().closed(5));
});

Deno.test("Sender.resize() sends nothing before continueOne(), so that SETTINGS can be acknowledged first", () => {
  const bench = new Bench();
  bench.sender.resize(0);
  bench.send(1, 30_000);
  bench.sender.resize(windows.initial);
  bench.sender.maxPayload = 15_000;
  bench.sender.flush();
  assert.equal(bench.writes.length, 0);
  assert.deepEqual(bench.settle().sizes, [15_000, 15_000]);
});

Deno.test("Sender.resize() can leave a stream's window below zero, from which WINDOW_UPDATE raises it", () => {
  const bench = new Bench();
  bench.sender.open(100_000);
  const stream = bench.send(1, 70_000);
  bench.sender.resize(10);
  assert.equal(bench.sender.windowOf(stream), 10 - windows.initial);
  bench.sender.openStream(stream, windows.initial - 10);
  assert.equal(bench.sender.windowOf(stream), 0);
  assert.equal(bench.settle().received(1).length, windows.initial);
  bench.sender.openStream(stream, 1);
  assert.equal(bench.settle().received(1).length, windows.initial + 1);
  bench.sender.resize(windows.initial);
  assert.ok(bench.settle().closed(1));
});

Deno.test("Sender visits each blocked stream once, however often its client sends WINDOW_UPDATE", () => {
  const bench = new Bench();
  bench.sender.resize(0);
  for (let id = 1; id < 200; id += 2) bench.send(id, 10);
  bench.settle();
  for (let round = 0; round < 50; round++) {
    bench.sender.resize(0);
    bench.sender.open(1);
  }
  // One visit a stream, and one that finds the end.
  assert.equal(bench.continueAll(), 101);
  assert.equal(bench.continueAll(), 0);
  bench.sender.resize(10);
  bench.settle();
  assert.equal(bench.sent.length, 100);
});

Deno.test("Sender.resize() visits open streams only if a window may be too large, and counts no closed one", () => {
  let looks = 0;
  const open = new Set<ServerStream>();
  const sender = new Sender({
    write() {},
    soon() {},
    onSent() {},
    congested: () => false,
    streams: () => (looks++, open),
  });
  for (let round = 0; round < 50; round++) sender.resize(round);
  const stream = new ServerStream(host, 1);
  open.add(stream);
  sender.openStream(stream, windows.max - 49);
  for (let round = 0; round < 50; round++) sender.resize(round);
  assert.equal(looks, 0);
  assert.throws(() => sender.resize(50), ConnectionError);
  open.delete(stream);
  sender.resize(windows.max);
  assert.equal(looks, 2);
  sender.resize(50);
  assert.equal(looks, 2);
});

Deno.test("Sender.send() adds no body while the client does not read, and continues once it does", () => {
  const bench = new Bench();
  bench.congested = true;
  bench.send(1, 10);
  assert.deepEqual(bench.settle().sizes, []);
  assert.equal(bench.continueAll(), 0);
  bench.congested = false;
  bench.sender.retryBlocked();
  assert.ok(bench.settle().closed(1));
});

Deno.test("Sender.forget() stops one blocked stream only", () => {
  const bench = new Bench();
  const [first, second] = [bench.send(1, 70_000), bench.send(3, 10)];
  bench.sender.forget(first);
  bench.sender.openStream(first, 100_000);
  bench.sender.open(100_000);
  bench.sender.resize(2 ** 20);
  assert.equal(bench.settle().received(1).length, windows.initial);
  assert.deepEqual([bench.closed(1), bench.closed(3)], [false, true]);
  assert.deepEqual(bench.sent, [second]);
});

Deno.test("Sender rejects a window above the maximum, and keeps the previous one", () => {
  const bench = new Bench();
  const stream = bench.send(1, 0);
  bench.sender.openStream(stream, windows.max - windows.initial);
  assert.throws(
    () => bench.sender.openStream(stream, 1),
    (thrown: unknown) => thrown instanceof StreamError && thrown.code === "FLOW_CONTROL_ERROR" && thrown.stream === 1,
  );
  assert.equal(bench.sender.windowOf(stream), windows.max);
  const isFault = (thrown: unknown) => thrown instanceof ConnectionError && thrown.code === "FLOW_CONTROL_ERROR";
  assert.throws(() => bench.sender.open(windows.max - windows.initial + 1), isFault);
  bench.sender.open(windows.max - windows.initial);
  assert.throws(() => bench.sender.open(1), isFault);
  assert.throws(() => bench.sender.resize(windows.initial + 1), isFault);
});
