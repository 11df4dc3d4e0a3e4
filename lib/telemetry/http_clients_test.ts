import assert from "node:assert/strict";
import { utf8 } from "../base/bytes.ts";
import { get, Stage, status } from "../../tests/support/http_stage.ts";

const limits = { max: 8, reserve: 16, min: 4, reliefMs: 60_000, acceptMs: 0 };

Deno.test("serveHttp() answers pipelined requests in order", async () => {
  await using stage = new Stage();
  const paths = ["/livez", "/none", "/readyz"];
  const ahead = paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join("");
  const answered = await stage.send(`${ahead}${get}connection: close\r\n\r\n`);
  assert.deepEqual(answered.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(-3)), ["200", "404", "200", "200"]);
});

Deno.test("serveHttp() accepts a head in pieces, and ignores an empty line before it", async () => {
  await using stage = new Stage();
  const connection = await stage.connect();
  for (const piece of ["\r\nGET /li", "vez HTTP/1.1\r\nhost: local", "host\r\nconnection: close\r", "\n\r", "\n"]) {
    await connection.write(utf8(piece));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.match(await new Response(connection.readable).text(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/);
});

Deno.test("serveHttp() answers 400 and 431 to invalid heads, and closes the connection", async () => {
  await using stage = new Stage();
  assert.match(await stage.send("hello\r\n\r\n"), /^HTTP\/1\.1 400 [^]*connection: close/);
  assert.match(await stage.send(`${get}x: ${"x".repeat(8192)}`), /^HTTP\/1\.1 431 [^]*connection: close/);
  assert.match(
    await stage.send("GET http://[ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    /^HTTP\/1\.1 400 /,
  );
});

Deno.test("serveHttp() reads no body, and the client receives the answer", async () => {
  await using stage = new Stage();
  const head = "POST /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 40000\r\n\r\n";
  assert.match(await stage.send(head + "x".repeat(40_000)), /^HTTP\/1\.1 405 [^]*connection: close/);
});

Deno.test("serveHttp() answers an HTTP/1.0 request without Host, and closes the connection", async () => {
  await using stage = new Stage();
  assert.match(await stage.send("GET /livez HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\n[^]*ok\n$/);
});

Deno.test("serveHttp() closes the oldest idle connection for a new one, above its limit", async () => {
  await using stage = new Stage(undefined, { limits });
  const idle: Deno.TcpConn[] = [];
  for (let one = 0; one < limits.max; one++) idle.push(await stage.connect());
  for (let one = 0; one < 4; one++) assert.equal((await stage.get("/livez")).code, 200);
  assert.ok(stage.troubles.includes("dropped"), "one was closed");
  assert.equal(await idle[0]?.read(new Uint8Array(1)).catch(() => null), null, "the oldest");
  for (const one of idle) one.close();
});

Deno.test("serveHttp() closes a connection that is idle or slow with its head", async () => {
  await using stage = new Stage(undefined, { patience: { headMs: 100, idleMs: 100, writeMs: 100 } });
  const startedAt = performance.now();
  const nothing = stage.send("");
  const half = stage.send(get);
  const once = stage.send(`${get}\r\n`);
  assert.deepEqual([await nothing, await half], ["", ""]);
  assert.match(await once, /^HTTP\/1\.1 200 /);
  assert.ok(performance.now() - startedAt < 4 * 2000, "each within its time");
  // A head that arrives byte by byte does not extend the timeout.
  const connection = await stage.connect();
  const trickled = (async () => {
    for (let sent = 0; sent < 200; sent++) {
      await connection.write(utf8("x"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return "never closed";
  })().catch(() => "closed");
  assert.equal(await trickled, "closed");
  connection.close();
});

Deno.test("serveHttp() renders metrics once for all requests within a second", async () => {
  await using stage = new Stage();
  const bodies = await Promise.all(Array.from({ length: 20 }, () => stage.get("/metrics")));
  assert.equal(stage.rendered, 1);
  assert.equal(new Set(bodies.map(({ body }) => body)).size, 1);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await stage.get("/metrics");
  assert.equal(stage.rendered, 2);
});

Deno.test("serveHttp() tries again to render metrics after a failure", async () => {
  await using stage = new Stage();
  stage.status = new TypeError("canary");
  assert.equal((await stage.get("/metrics")).code, 500);
  stage.status = status;
  assert.equal((await stage.get("/metrics")).code, 200);
});

Deno.test("serveHttp() answers a few requests a turn, for any number of pipelined requests", async () => {
  await using stage = new Stage(undefined, { turns: { most: 2, everyMs: 20 } });
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: 4 }, () => stage.send(`${get}\r\n`.repeat(9) + `${get}connection: close\r\n\r\n`)),
  );
  assert.ok(performance.now() - startedAt >= 19 * 20, "40 answers take 20 turns");
});
