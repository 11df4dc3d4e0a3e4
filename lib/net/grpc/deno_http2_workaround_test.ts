import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import http2, { createServer, type ServerHttp2Session } from "node:http2";
import { join } from "node:path";
import { connect as dial } from "node:net";
import { dialKms } from "../../api/kms/client.ts";
import { closeClientsLate, endSessionLate } from "./deno_http2_workaround.ts";
import { kmsServer } from "../../api/kms/server.ts";

const never = new AbortController().signal;
const well = { version: "v2", healthz: "ok", key_id: "k" };
const unused = () => {
  throw new Error("not called");
};

Deno.test("endSessionLate() lets close() and destroy() return before the session ends", async () => {
  const done: string[] = [];
  const session = {
    closed: false,
    close(callback?: () => void) {
      session.closed = true;
      done.push("close");
      callback?.();
    },
    destroy: () => void done.push("destroy"),
  };
  endSessionLate(session);
  session.close(() => done.push("first told"));
  session.close(() => done.push("second told"));
  session.destroy();
  deepEqual(done, []);
  await new Promise((resolve) => setTimeout(resolve, 5));
  deepEqual(done, ["close", "first told", "second told", "destroy"]);
});

Deno.test("endSessionLate() keeps a session while the GOAWAY of its client is read", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = createServer();
  const session = new Promise<ServerHttp2Session>((resolve) => server.on("session", resolve));
  server.on("session", endSessionLate).listen(path);
  const client = http2.connect("http://localhost", { createConnection: () => dial(path) });
  await once(client, "connect");
  const one = await session;
  const closedWhileRead = new Promise((resolve) => one.on("goaway", () => queueMicrotask(() => resolve(one.closed))));
  client.goaway();
  equal(await closedWhileRead, false);
  if (!one.destroyed) await once(one, "close");
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("closeClientsLate() keeps a client's session while the GOAWAY of its server is read, and has an effect once", async () => {
  closeClientsLate();
  const { connect } = http2;
  closeClientsLate();
  equal(http2.connect, connect);
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = createServer();
  const session = new Promise<ServerHttp2Session>((resolve) => server.on("session", resolve));
  server.listen(path);
  const client = http2.connect("http://localhost", { createConnection: () => dial(path) });
  await once(client, "connect");
  const closedWhileRead = new Promise((resolve) =>
    client.on("goaway", () => queueMicrotask(() => resolve(client.closed)))
  );
  (await session).goaway();
  equal(await closedWhileRead, false);
  if (!client.destroyed) await once(client, "close");
  (await session).destroy();
  await new Promise((resolve) => server.close(resolve));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("rpcServer() survives clients that connect and disconnect while others make calls", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = kmsServer({ v2: { Status: () => well, Encrypt: unused, Decrypt: unused } });
  await server.listen(path);
  const until = performance.now() + 1500;
  const busy = async () => {
    await using client = dialKms(path);
    while (performance.now() < until) await client.v2.Status({}, { signal: never });
  };
  const visitors = async () => {
    while (performance.now() < until) {
      await using client = dialKms(path);
      await client.v2.Status({}, { signal: never });
    }
  };
  await Promise.all([busy(), busy(), busy(), busy(), visitors(), visitors()]);
  await server.shutdown(1000);
  await Deno.remove(folder, { recursive: true });
});
