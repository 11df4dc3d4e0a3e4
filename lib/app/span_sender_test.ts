import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { createServer, type Server as TcpServer, type Socket } from "node:net";
import { fileSource, literalSource } from "../config/secrets.ts";
import type { TracesConfig } from "../config/traces.ts";
import { utf8 } from "../base/bytes.ts";
import { Authority } from "../../tests/support/certificates.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { SpanSender } from "./span_sender.ts";

const plain = { headers: [], sampleRatio: 1, tls: {} } as const;

/** Sends a batch, with this limit in milliseconds. */
async function sent(config: TracesConfig, ms = 20_000) {
  using sender = await SpanSender.open(config, () => {});
  using limit = timeLimit(ms);
  return await sender.send(utf8("{}"), limit.signal);
}

function timeLimit(ms: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException("", "TimeoutError")), ms);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** A collector with one answer. */
function collector(answer: (request: Request) => Response | Promise<Response>, tls?: { cert: string; key: string }) {
  const served = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, ...tls }, answer);
  return { port: served.addr.port, [Symbol.asyncDispose]: () => served.shutdown() };
}

Deno.test("SpanSender.send() posts JSON to /v1/traces below its endpoint, with its headers", async () => {
  const seen: unknown[] = [];
  await using one = collector(async (request) => {
    const { method, url, headers } = request;
    seen.push([
      method,
      new URL(url).pathname,
      headers.get("content-type"),
      headers.get("x-team"),
      await request.text(),
    ]);
    return Response.json({ partialSuccess: {} });
  });
  const headers = [{ name: "x-team", value: literalSource("a") }];
  const answer = await sent({ ...plain, headers, endpoint: `http://127.0.0.1:${one.port}/otlp` });
  deepEqual([answer.state, seen], ["taken", [["POST", "/otlp/v1/traces", "application/json", "a", "{}"]]]);
});

Deno.test("SpanSender.send() trusts the CA file alone", () =>
  inFolder(async (folder) => {
    const [ours, other] = [new Authority(), new Authority()];
    const pair = ours.issue({ commonName: "collector", names: ["127.0.0.1"] });
    await using one = collector(() => Response.json({}), { cert: pair.certificate, key: pair.key });
    const endpoint = `https://127.0.0.1:${one.port}`;
    await Deno.writeTextFile(`${folder}/ca.pem`, ours.certificate);
    await Deno.writeTextFile(`${folder}/other.pem`, other.certificate);
    equal((await sent({ ...plain, endpoint, tls: { caFile: `${folder}/ca.pem` } })).state, "taken");
    const refused = await sent({ ...plain, endpoint, tls: { caFile: `${folder}/other.pem` } });
    equal(refused.state, "later");
    match("message" in refused ? refused.message : "", /^Cannot export spans: the collector at https:/);
    await rejects(SpanSender.open({ ...plain, endpoint, tls: { caFile: `${folder}/none.pem` } }, () => {}));
  }));

Deno.test("SpanSender.send() tells answers that pass from those that are final, and wrong ones", async () => {
  const cases: readonly (readonly [answer: () => Response, state: string, message: RegExp])[] = [
    [() => Response.json({ partialSuccess: { rejectedSpans: "3", errorMessage: "x" } }), "taken", /a part/],
    [() => new Response("", { status: 429, headers: { "retry-after": "7" } }), "later", /answers 429\.$/],
    [() => new Response("", { status: 503 }), "later", /answers 503\.$/],
    [() => new Response("", { status: 400 }), "refused", /answers 400\.$/],
    [() => new Response("", { status: 401 }), "refused", /answers 401\.$/],
    [
      () => new Response("", { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
      "refused",
      /answers 302\.$/,
    ],
    [() => new Response("<html>"), "refused", /without the JSON of OTLP\.$/],
    [() => Response.json("ok"), "refused", /without the JSON of OTLP\.$/],
    [() => new Response("x".repeat(200_000)), "refused", /answered more than/],
  ];
  for (const [answer, state, message] of cases) {
    await using one = collector(answer);
    const found = await sent({ ...plain, endpoint: `http://127.0.0.1:${one.port}` });
    equal(found.state, state, `${message}`);
    match(found.message, message);
    if (found.state === "later" && /429/.test(found.message)) equal(found.afterMs, 7_000);
    if (found.state === "taken") equal(found.rejected, 3);
  }
});

/** A server that does something with each connection. */
async function rawServer(connected: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: TcpServer = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    connected(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("SpanSender.send() can be tried again after a refused connection, half an answer, and silence", async () => {
  const endpoint = (port: number) => ({ ...plain, endpoint: `http://127.0.0.1:${port}` });
  let port = 0;
  {
    await using gone = await rawServer(() => {});
    port = gone.port;
  }
  const refused = await sent(endpoint(port));
  deepEqual([refused.state, /refused the connection/.test(refused.message)], ["later", true]);
  await using half = await rawServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"));
  });
  equal((await sent(endpoint(half.port))).state, "later");
  await using silent = await rawServer(() => {});
  const hung = await sent(endpoint(silent.port), 100);
  equal(hung.state, "later", hung.message);
});

Deno.test("SpanSender.send() reads its secrets for each request, and says no part of one that cannot be sent", () =>
  inFolder(async (folder) => {
    const seen: (string | null)[] = [];
    await using one = collector((request) => {
      seen.push(request.headers.get("authorization"));
      return Response.json({});
    });
    const file = `${folder}/token`;
    const headers = [{ name: "authorization", value: fileSource(file) }];
    using sender = await SpanSender.open({ ...plain, headers, endpoint: `http://127.0.0.1:${one.port}` }, () => {});
    const signal = new AbortController().signal;
    equal((await sender.send(utf8("{}"), signal)).state, "later", "the file is not there yet");
    for (const token of ["Bearer a", "Bearer b"]) {
      await Deno.writeTextFile(file, token, { mode: 0o600 });
      equal((await sender.send(utf8("{}"), signal)).state, "taken");
    }
    deepEqual(seen, ["Bearer a", "Bearer b"]);
    await Deno.writeTextFile(file, "canary–canary");
    const unsendable = await sender.send(utf8("{}"), signal);
    equal(unsendable.state, "later");
    equal(unsendable.message.includes("canary"), false, unsendable.message);
  }));
