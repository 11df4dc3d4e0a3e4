import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { HttpContext } from "./http_connection.ts";
import { type HttpLimits, HttpListener } from "./http_listener.ts";
import { RequestTurns } from "./turns.ts";

/** A listener whose accepts are controlled by a test, and its connections. */
class FakeListener {
  readonly open = new Set<number>();
  readonly #waiting: PromiseWithResolvers<Deno.Conn>[] = [];
  accepts = 0;
  #made = 0;

  accept(): Promise<Deno.Conn> {
    this.accepts++;
    const next = Promise.withResolvers<Deno.Conn>();
    this.#waiting.push(next);
    return next.promise;
  }

  close(): void {
    for (const one of this.#waiting.splice(0)) one.reject(new Deno.errors.BadResource("closed"));
  }

  fail(): void {
    this.#waiting.shift()?.reject(Object.assign(new Error("Too many open files"), { code: "EMFILE" }));
  }

  connect(): void {
    const number = this.#made++;
    const gone = Promise.withResolvers<null>();
    this.open.add(number);
    const conn: Partial<Deno.Conn> = {
      read: () => gone.promise,
      close: () => {
        this.open.delete(number);
        gone.resolve(null);
      },
    };
    this.#waiting.shift()?.resolve(conn as Deno.Conn);
  }
}

const limits: HttpLimits = { max: 6, reserve: 3, min: 2, reliefMs: 60_000, acceptMs: 1 };

function stage() {
  const clock = new FakeClock();
  const context: HttpContext = {
    answer: () => ({ status: 200, body: "ok\n", headers: {} }),
    failed: () => ({ status: 500, body: "", headers: {} }),
    turns: new RequestTurns({ most: 1, everyMs: 1 }, clock),
    patience: { headMs: 1e9, idleMs: 1e9, writeMs: 1e9 },
    clock,
  };
  const fake = new FakeListener();
  const troubles: string[] = [];
  const listener = new HttpListener(fake as unknown as Deno.Listener, context, limits, (what) => troubles.push(what));
  const connect = async (count: number) => {
    for (let one = 0; one < count; one++) {
      await clock.advance(1);
      fake.connect();
      await clock.settle();
    }
  };
  return { clock, fake, troubles, listener, connect };
}

Deno.test("HttpListener continues after a failed accept, with a pause that grows to a second", async () => {
  const { clock, fake, troubles, listener } = stage();
  for (const ms of [50, 100, 200, 400, 800, 1000, 1000]) {
    const { accepts } = fake;
    fake.fail();
    await clock.advance(ms - 1);
    assert.equal(fake.accepts, accepts);
    await clock.advance(1);
    assert.equal(fake.accepts, accepts + 1);
  }
  assert.deepEqual(troubles, Array(7).fill("accept_failed"));
  fake.connect();
  await clock.settle();
  assert.equal(fake.open.size, 1);
  await listener.close(0);
  assert.equal(fake.open.size, 0);
});

Deno.test("HttpListener closes connections when descriptors run out, for a minute", async () => {
  const { clock, fake, troubles, listener, connect } = stage();
  await connect(6);
  assert.deepEqual([...fake.open], [0, 1, 2, 3, 4, 5]);
  await clock.advance(1);
  fake.fail();
  await clock.settle();
  assert.deepEqual([...fake.open], [3, 4, 5], "the oldest are closed, as many as are to be free");
  assert.deepEqual(troubles, ["dropped", "dropped", "dropped", "accept_failed"]);
  await clock.advance(50);
  await connect(3);
  assert.deepEqual([...fake.open], [6, 7, 8], "no more than are left");
  await clock.advance(60_000);
  await connect(3);
  assert.equal(fake.open.size, 6);
  await listener.close(0);
});

Deno.test("HttpListener keeps a few connections for any number of failed accepts", async () => {
  const { clock, fake, listener, connect } = stage();
  await connect(2);
  for (let one = 0; one < 5; one++) {
    await clock.advance(1000);
    fake.fail();
    await clock.settle();
  }
  assert.equal(fake.open.size, 2);
  await listener.close(0);
});
