import { deepEqual, equal, fail, match } from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import type { Event } from "../../telemetry/events.ts";
import { Http2Listener } from "../http2/listener.ts";
import { AnswerWatch } from "./answer_watch.ts";
import { probeSocket } from "./socket_probe.ts";

const never = new AbortController().signal;
const times = { everyMs: 0, patienceMs: 50, deadMs: 60 };

Deno.test("probeSocket() distinguishes a server, a listener that does not accept, one with another protocol, and no listener", async () => {
  await inFolder(async (folder) => {
    const server = new Http2Listener(() => undefined, () => {});
    await server.listen(join(folder, "server"));
    using _silent = Deno.listen({ transport: "unix", path: join(folder, "silent") });
    using other = Deno.listen({ transport: "unix", path: join(folder, "other") });
    const spoken = other.accept().then(async (connection) => {
      await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
      connection.close();
    });
    equal(await probeSocket(join(folder, "server"), 4_000, never), "answered");
    equal(await probeSocket(join(folder, "silent"), 50, never), "silent");
    equal(await probeSocket(join(folder, "other"), 4_000, never), "silent");
    equal(await probeSocket(join(folder, "nobody"), 4_000, never), "refused");
    await spoken;
    await server.close(0);
  });
});

Deno.test("probeSocket() distinguishes a server of HTTP/1.1 from one of another protocol and from silence", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "server");
    const server = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => server.listen(path, () => resolve()));
    equal(await probeSocket(path, 4_000, never, "http1"), "answered", "any status is an answer");
    await new Promise((resolve) => server.close(resolve));
    const grpc = new Http2Listener(() => undefined, () => {});
    await grpc.listen(join(folder, "grpc"));
    equal(await probeSocket(join(folder, "grpc"), 4_000, never, "http1"), "silent");
    await grpc.close(0);
    using _silent = Deno.listen({ transport: "unix", path: join(folder, "silent") });
    equal(await probeSocket(join(folder, "silent"), 50, never, "http1"), "silent");
  });
});

Deno.test("AnswerWatch does not bind a socket again whose server has its maximum of connections", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "full");
    using full = Deno.listen({ transport: "unix", path });
    const closing = (async () => {
      for (let at = 0; at < 4; at++) (await full.accept()).close();
    })();
    equal(await probeSocket(path, 4_000, never), "closed");
    const watch = new AnswerWatch(path, { ...times, patienceMs: 4_000 }, (event) => fail(JSON.stringify(event)));
    for (let at = 0; at < 3; at++) equal(await watch.isDead(never), false);
    equal(watch.complaint(), "");
    await closing;
  });
});

Deno.test("AnswerWatch reports silence once, has the socket bound again, and counts as dead after a while", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    const events: Event[] = [];
    const watch = new AnswerWatch(path, times, (event) => events.push(event));
    const silent = Deno.listen({ transport: "unix", path });
    equal(await watch.isDead(never), false, "one unanswered question proves nothing");
    equal(watch.complaint(), "");
    equal(await watch.isDead(never), true);
    match(watch.complaint(), /^The socket \S+ has not answered for \d+ seconds: a connection was made/);
    equal(await watch.isDead(never), true);
    silent.close();
    const server = new Http2Listener(() => undefined, () => {});
    await server.listen(path);
    watch.reset();
    equal(await watch.isDead(never), false);
    equal(watch.complaint(), "");
    await server.close(0);
    deepEqual(events.map((event) => event.type === "socket" && event.action), ["silent", "answering"]);
  });
});
