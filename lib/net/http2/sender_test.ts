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

/** A sender, and the client at its other end, which adds up what has come. */
class Line {
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

  /** Lets what was put off be done, and all go on that may. @returns how many pieces of work that was. */
  goOn(): number {
    let pieces = 0;
    while (this.sender.goOn()) pieces++;
    return pieces;
  }

  /** The same, and takes what was sent. */
  settle(): this {
    this.goOn();
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

  /** What has come of a stream's body. */
  came(id: number): Buffer {
    return Buffer.concat(this.#bodies.get(id) ?? []);
  }

  closed(id: number): boolean {
    return this.#closed.has(id);
  }
}

function bodyOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

Deno.test("Sender.send() sends an answer that fits at once, in one write with all else of now", () => {
  const line = new Line();
  const streams = [line.send(1, 10), line.send(3, 0), line.send(5, 40_000)];
  assert.deepEqual(line.sent, streams);
  assert.equal(line.writes.length, 0);
  line.settle();
  assert.deepEqual(line.came(1), Buffer.from(bodyOf(10)));
  assert.deepEqual(line.sizes, [10, 16_384, 16_384, 40_000 - 2 * 16_384]);
  assert.ok([1, 3, 5].every((id) => line.closed(id)));
});

Deno.test("Sender writes once for all that is gathered until then, and nothing where there is nothing", () => {
  const line = new Line();
  line.sender.flush();
  assert.equal(line.writes.length, 0);
  line.send(1, 1);
  line.send(3, 1);
  line.sender.flush();
  assert.equal(line.writes.length, 1);
  line.settle();
  assert.ok(line.closed(1) && line.closed(3));
});

Deno.test("Sender.send() does nothing for a stream that is not answered yet", () => {
  const line = new Line();
  line.sender.send(new ServerStream(host, 1));
  line.sender.open(1);
  assert.deepEqual([line.settle().sizes, line.sent], [[], []]);
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

/** What the client has let a line send, and whether what came keeps to it. */
class Account {
  readonly line = new Line();
  readonly streams: { readonly stream: ServerStream; readonly length: number; allowed: number; came: number }[] = [];
  #allowed: number = windows.initial;
  #initial: number = windows.initial;

  act(step: Step): void {
    const { sender } = this.line;
    if (step.do === "answer") {
      const stream = this.line.send(2 * this.streams.length + 1, step.length);
      this.streams.push({ stream, length: step.length, allowed: this.#initial, came: 0 });
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
    const { sender, sizes, sent } = this.line.settle();
    const left = this.#allowed - this.streams.reduce((sum, { stream }) => sum + this.line.came(stream.id).length, 0);
    assert.ok(left >= 0);
    for (const one of this.streams) {
      const { stream, length, allowed } = one;
      const came = this.line.came(stream.id).length;
      // What was sent before a window was made smaller, was sent.
      assert.ok(came === one.came || came <= allowed);
      assert.equal(sender.windowOf(stream), allowed - came);
      assert.ok(came === length || left === 0 || came >= allowed, "It waits without need.");
      assert.equal(this.line.closed(stream.id), came === length);
      assert.equal(sent.includes(stream), came === length);
      one.came = came;
    }
    assert.ok(sizes.splice(0).every((size) => size > 0 && size <= sender.maxPayload));
  }
}

Deno.test("Sender sends all of every body in the end, and at no time more than a window or a payload allows", () => {
  fc.assert(fc.property(fc.array(step, { minLength: 4, maxLength: 16 }), (steps) => {
    const account = new Account();
    const { line, streams } = account;
    for (const step of steps) {
      account.act(step);
      account.check();
    }
    account.act({ do: "open", increment: 2 ** 24 });
    streams.forEach((_, which) => account.act({ do: "openStream", which, increment: 2 ** 20 }));
    account.check();
    for (const { stream, length } of streams) {
      assert.ok(line.closed(stream.id));
      assert.deepEqual(line.came(stream.id), Buffer.from(bodyOf(length)));
    }
  }));
});

Deno.test("Sender.open() lets every stream go on that waits for the connection's window", () => {
  const line = new Line();
  for (const id of [1, 3, 5]) line.send(id, 40_000);
  assert.deepEqual([1, 3, 5].map((id) => line.settle().came(id).length), [40_000, windows.initial - 40_000, 0]);
  line.sender.open(3 * 40_000 - windows.initial - 1);
  assert.deepEqual([1, 3, 5].map((id) => line.settle().came(id).length), [40_000, 40_000, 39_999]);
  line.sender.open(1);
  assert.ok(line.settle().closed(5));
});

Deno.test("Sender.resize() sends nothing before goOn(), so that settings can be acknowledged first", () => {
  const line = new Line();
  line.sender.resize(0);
  line.send(1, 30_000);
  line.sender.resize(windows.initial);
  line.sender.maxPayload = 15_000;
  line.sender.flush();
  assert.equal(line.writes.length, 0);
  assert.deepEqual(line.settle().sizes, [15_000, 15_000]);
});

Deno.test("Sender.resize() may leave a stream's window below zero, which is to be opened above it again", () => {
  const line = new Line();
  line.sender.open(100_000);
  const stream = line.send(1, 70_000);
  line.sender.resize(10);
  assert.equal(line.sender.windowOf(stream), 10 - windows.initial);
  line.sender.openStream(stream, windows.initial - 10);
  assert.equal(line.sender.windowOf(stream), 0);
  assert.equal(line.settle().came(1).length, windows.initial);
  line.sender.openStream(stream, 1);
  assert.equal(line.settle().came(1).length, windows.initial + 1);
  line.sender.resize(windows.initial);
  assert.ok(line.settle().closed(1));
});

Deno.test("Sender looks at each stream that waits once, however often its client opens windows by nothing", () => {
  const line = new Line();
  line.sender.resize(0);
  for (let id = 1; id < 200; id += 2) line.send(id, 10);
  line.settle();
  for (let round = 0; round < 50; round++) {
    line.sender.resize(0);
    line.sender.open(1);
  }
  // One look a stream, and one that finds the end.
  assert.equal(line.goOn(), 101);
  assert.equal(line.goOn(), 0);
  line.sender.resize(10);
  line.settle();
  assert.equal(line.sent.length, 100);
});

Deno.test("Sender.resize() looks at the open streams only where a window may be too large, and no closed one counts", () => {
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
  sender.openStream(stream, windows.largest - 49);
  for (let round = 0; round < 50; round++) sender.resize(round);
  assert.equal(looks, 0);
  assert.throws(() => sender.resize(50), ConnectionError);
  open.delete(stream);
  sender.resize(windows.largest);
  assert.equal(looks, 2);
  sender.resize(50);
  assert.equal(looks, 2);
});

Deno.test("Sender.send() adds no body to what a client does not read, and goes on once it does", () => {
  const line = new Line();
  line.congested = true;
  line.send(1, 10);
  assert.deepEqual(line.settle().sizes, []);
  assert.equal(line.goOn(), 0);
  line.congested = false;
  line.sender.mayGoOn();
  assert.ok(line.settle().closed(1));
});

Deno.test("Sender.forget() stops a stream that waits, but no other", () => {
  const line = new Line();
  const [first, second] = [line.send(1, 70_000), line.send(3, 10)];
  line.sender.forget(first);
  line.sender.openStream(first, 100_000);
  line.sender.open(100_000);
  line.sender.resize(2 ** 20);
  assert.equal(line.settle().came(1).length, windows.initial);
  assert.deepEqual([line.closed(1), line.closed(3)], [false, true]);
  assert.deepEqual(line.sent, [second]);
});

Deno.test("Sender refuses a window that would be larger than one can be, and keeps to the one before", () => {
  const line = new Line();
  const stream = line.send(1, 0);
  line.sender.openStream(stream, windows.largest - windows.initial);
  assert.throws(
    () => line.sender.openStream(stream, 1),
    (thrown: unknown) => thrown instanceof StreamError && thrown.code === "FLOW_CONTROL_ERROR" && thrown.stream === 1,
  );
  assert.equal(line.sender.windowOf(stream), windows.largest);
  const isFault = (thrown: unknown) => thrown instanceof ConnectionError && thrown.code === "FLOW_CONTROL_ERROR";
  assert.throws(() => line.sender.open(windows.largest - windows.initial + 1), isFault);
  line.sender.open(windows.largest - windows.initial);
  assert.throws(() => line.sender.open(1), isFault);
  assert.throws(() => line.sender.resize(windows.initial + 1), isFault);
});
