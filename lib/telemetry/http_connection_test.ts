import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { utf8 } from "../base/bytes.ts";
import { HttpConnection, type HttpContext } from "./http_connection.ts";
import { RequestTurns } from "./turns.ts";

/** A client that sends one request and then neither sends nor reads. */
function silentClient(): Deno.Conn & { readonly isClosed: () => boolean } {
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  let request: Uint8Array | undefined = utf8("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  let closed = false;
  const conn: Partial<Deno.Conn> = {
    read(into) {
      const sent = request;
      if (sent === undefined) return gone.promise;
      into.set(sent);
      request = undefined;
      return Promise.resolve(sent.length);
    },
    write: () => gone.promise,
    close() {
      closed = true;
      gone.reject(new Deno.errors.Interrupted("closed"));
    },
  };
  return { ...conn, isClosed: () => closed } as ReturnType<typeof silentClient>;
}

function context(clock: FakeClock): HttpContext {
  return {
    answer: () => ({ status: 200, body: "ok\n", headers: {} }),
    failed: () => ({ status: 500, body: "", headers: {} }),
    turns: new RequestTurns({ most: 1, everyMs: 1 }, clock),
    patience: { headMs: 10_000, idleMs: 30_000, writeMs: 5_000 },
    clock,
  };
}

Deno.test("HttpConnection is closed if its client does not receive the answer", async () => {
  const clock = new FakeClock();
  const client = silentClient();
  const connection = new HttpConnection(client, context(clock));
  const ended = connection.run();
  await clock.advance(10);
  assert.ok(connection.answering);
  await clock.advance(4_900);
  assert.ok(!client.isClosed());
  await clock.advance(100);
  assert.ok(client.isClosed());
  await ended;
  assert.ok(!connection.answering);
});

Deno.test("HttpConnection.leave() waits for the answer in progress", async () => {
  const clock = new FakeClock();
  const client = silentClient();
  const connection = new HttpConnection(client, context(clock));
  const ended = connection.run();
  await clock.advance(10);
  connection.leave();
  assert.ok(!client.isClosed());
  connection.close();
  await ended;
});
