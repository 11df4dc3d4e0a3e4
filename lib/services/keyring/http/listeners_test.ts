import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Authority } from "../../../../tests/support/certificates.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { systemClock } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import { utf8 } from "../../../base/bytes.ts";
import { type AnswerRequest, type IncomingRequest, jsonAnswer } from "./exchange.ts";
import { connectionLimits } from "./node_server.ts";
import { openTlsListener, type TlsListenerOptions } from "./tls_listener.ts";
import { openUnixListener, type UnixListenerOptions } from "./unix_listener.ts";

const authority = new Authority("server authority");
const clients = new Authority("client authority");

/** Answers with the request itself. */
const echo: AnswerRequest = async (request: IncomingRequest) => {
  const { method, target, peer } = request;
  const body = await request.body(1_000_000).catch((thrown) => utf8(String(thrown.code)));
  const certificate = peer.certificate?.length;
  return jsonAnswer(200, { method, target, ...peer, certificate, body: new TextDecoder().decode(body) });
};

/** The answer of {@linkcode echo}, or another one. */
interface Echoed {
  readonly address?: string;
  readonly certificate?: number;
  readonly socket?: string;
}

interface Sent {
  readonly method?: string;
  readonly body?: string;
}

function exchange(
  make: typeof httpRequest | typeof httpsRequest,
  options: RequestOptions & Record<string, unknown>,
  { method = "GET", body }: Sent = {},
): Promise<Echoed> {
  return new Promise((resolve, reject) => {
    const request = make({ agent: false, method, ...options }, (response) => {
      const parts: Uint8Array[] = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve(JSON.parse(new TextDecoder().decode(Buffer.concat(parts)))));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function unix(path: string, options: Partial<UnixListenerOptions> = {}) {
  return openUnixListener({
    path,
    mode: 0o600,
    socket: "admin",
    answer: echo,
    clock: systemClock,
    notify: () => {},
    ...options,
  });
}

function tls(options: Partial<TlsListenerOptions> = {}) {
  const { key, certificate: chain } = authority.issue({ commonName: "localhost", names: ["localhost", "127.0.0.1"] });
  return openTlsListener({ host: "127.0.0.1", port: 0, key, chain, answer: echo, clock: systemClock, ...options });
}

/** Sends bytes over a Unix socket, and returns all that comes back until the end. */
async function raw(path: string, text: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(utf8(text));
  let found = "";
  const part = new Uint8Array(65_536);
  try {
    for (let count; (count = await connection.read(part)) !== null;) {
      found += new TextDecoder().decode(part.subarray(0, count));
    }
  } catch {
    // A reset ends it as well.
  }
  return found;
}

Deno.test("openUnixListener() passes method, raw target, body and the name of the socket on", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/admin/admin.sock`;
    await using _listener = await unix(path);
    equal(((await Deno.lstat(path)).mode ?? 0) & 0o777, 0o600);
    equal(((await Deno.lstat(`${folder}/admin`)).mode ?? 0) & 0o777, 0o700);
    const target = "/a%2Fb/%2e%2e/../c?x=%41";
    deepEqual(await exchange(httpRequest, { socketPath: path, path: target }, { method: "POST", body: "ü" }), {
      method: "POST",
      target,
      socket: "admin",
      body: "ü",
    });
    const late = await raw(path, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
    match(late, /connection: close[\s\S]*too_large/i);
  });
});

Deno.test("openUnixListener() replaces a socket that nobody listens on, and leaves a live one and a file alone", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s`;
    Deno.listen({ transport: "unix", path }).close();
    if (!await Deno.lstat(path).then(() => true, () => false)) await Deno.writeTextFile(`${folder}/gone`, "");
    const first = await unix(path);
    await rejects(
      unix(path),
      (thrown) => thrown instanceof KmsError && /another process serves there/.test(thrown.message),
    );
    await exchange(httpRequest, { socketPath: path });
    await first.close(0);
    await rejects(Deno.lstat(path), Deno.errors.NotFound);
    await Deno.writeTextFile(path, "text");
    await rejects(unix(path), (thrown) => thrown instanceof KmsError && /no socket/.test(thrown.message));
    equal(await Deno.readTextFile(path), "text");
  });
});

Deno.test("a listener ends connections that are silent, that send half a head or half a body, and that speak no HTTP", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s`;
    const limits = { ...connectionLimits, headMs: 300, requestMs: 600, idleMs: 300 };
    await using _listener = await unix(path, { limits });
    const startedAt = performance.now();
    equal(await raw(path, "GET / HTTP/1.1\r\nHost"), "");
    equal(await raw(path, "SSH-2.0-x\r\n"), "");
    equal(await raw(path, "LIST /v1/secret/metadata HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    equal(await raw(path, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    await raw(path, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    // Two lengths, as requests that are smuggled have.
    equal(
      await raw(path, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "",
    );
    match(await raw(path, `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`), /^$|431/);
    ok(performance.now() - startedAt < 4 * 5_000);
    await exchange(httpRequest, { socketPath: path });
  });
});

Deno.test("close() lets an answer in progress end, ends streams, and refuses new connections", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s`;
    const [begun, streaming] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const released = Promise.withResolvers<void>();
    let isStreamDone = false;
    const answer: AnswerRequest = async ({ target, signal }) => {
      if (target !== "/stream") {
        begun.resolve();
        await released.promise;
        return jsonAnswer(200, { done: true });
      }
      const body = (async function* () {
        yield utf8("first\n");
        streaming.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        isStreamDone = true;
      })();
      return { status: 200, body };
    };
    const listener = await unix(path, { answer });
    const stream = raw(path, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const slow = exchange(httpRequest, { socketPath: path });
    await Promise.all([begun.promise, streaming.promise]);
    const closing = listener.close(5_000);
    match(await stream, /first/);
    equal(isStreamDone, true);
    await rejects(exchange(httpRequest, { socketPath: path }));
    released.resolve();
    deepEqual(await slow, { done: true });
    await closing;
  });
});

Deno.test("the signal of a request is aborted when its client goes", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s`;
    const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using _listener = await unix(path, {
      answer: async ({ signal }) => {
        signal.addEventListener("abort", () => gone.resolve());
        begun.resolve();
        await gone.promise;
        return { status: 204 };
      },
    });
    const connection = await Deno.connect({ transport: "unix", path });
    await connection.write(utf8("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await begun.promise;
    connection.close();
    await gone.promise;
  });
});

Deno.test("openTlsListener() takes TLS 1.3 alone, with or without a client certificate, and no plain HTTP", async () => {
  await using listener = await tls();
  const base = { host: "localhost", port: listener.port, ca: authority.certificate };
  const anonymous = await exchange(httpsRequest, base);
  deepEqual([anonymous.address, anonymous.certificate, anonymous.socket], ["127.0.0.1", undefined, undefined]);
  const { key, certificate: cert } = clients.issue({ commonName: "anna" });
  ok(((await exchange(httpsRequest, { ...base, key, cert })).certificate ?? 0) > 200);
  await rejects(exchange(httpsRequest, { ...base, maxVersion: "TLSv1.2" }));
  await rejects(exchange(httpRequest, { host: "127.0.0.1", port: listener.port }));
});

Deno.test("openTlsListener() renews its certificate for new connections", async () => {
  await using listener = await tls();
  const next = new Authority("next authority");
  const { key, certificate: chain } = next.issue({ commonName: "localhost", names: ["localhost"] });
  const base = { host: "localhost", port: listener.port };
  await rejects(exchange(httpsRequest, { ...base, ca: next.certificate }));
  listener.renew({ key, chain });
  await exchange(httpsRequest, { ...base, ca: next.certificate });
  await rejects(exchange(httpsRequest, { ...base, ca: authority.certificate }));
  throws(() => listener.renew({ key: clients.issue({ commonName: "x" }).key, chain }), /the key is not that/);
});

Deno.test("openTlsListener() says why it cannot listen", async () => {
  await using listener = await tls();
  await rejects(
    tls({ port: listener.port }),
    (thrown) =>
      thrown instanceof KmsError && thrown.code === "config" && /another process listens there/.test(thrown.message),
  );
  await rejects(
    tls({ key: "no key" }),
    (thrown) => thrown instanceof KmsError && /the key is not that/.test(thrown.message),
  );
});
