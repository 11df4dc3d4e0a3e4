import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { PipelinedClient } from "../../../tests/support/pipelined_client.ts";
import { grpcFrame, rawCall } from "../../../tests/support/raw_grpc.ts";
import { budgets } from "../http2/budget.ts";
import { dialKms, type KmsClient } from "../../api/kms/client.ts";
import { type KmsHandlers, kmsServer } from "../../api/kms/server.ts";
import { maxMessage } from "./message_reader.ts";
import type { Listener, RpcServer } from "./server.ts";
import type { RpcFailure } from "./status.ts";

const never = new AbortController().signal;
const seed = new Uint8Array(32).fill(7);
const request = { ciphertext: seed, key_id: "k", annotations: {}, uid: "" };
const well = { version: "v2", healthz: "ok", key_id: "k" };

/** Handlers for all methods; a test replaces some. */
const plain: KmsHandlers["v2"] = {
  Status: () => well,
  Encrypt: ({ plaintext }) => ({ ciphertext: plaintext, key_id: "k", annotations: { "a.test": plaintext } }),
  Decrypt: ({ ciphertext }) => Promise.resolve({ plaintext: ciphertext }),
};

interface Served extends AsyncDisposable {
  readonly server: RpcServer;
  readonly listener: Listener;
  readonly path: string;
  readonly client: KmsClient;
}

async function serve(handlers: KmsHandlers): Promise<Served> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = kmsServer(handlers);
  const listener = await server.listen(path);
  const client = dialKms(path);
  return {
    server,
    listener,
    path,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.shutdown(0);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A Decrypt that answers after its release, and reports when it was called. */
function held() {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const Decrypt: KmsHandlers["v2"]["Decrypt"] = async ({ ciphertext }) => {
    asked.resolve();
    await released.promise;
    return { plaintext: ciphertext };
  };
  return { Decrypt, asked: asked.promise, release: released.resolve };
}

function answered(...statuses: string[]) {
  return (error: unknown) => error instanceof KmsError && statuses.includes((error.cause as RpcFailure).status);
}

Deno.test("rpcServer() sends synchronous and asynchronous answers, with the fields of the wire", async () => {
  await using served = await serve({ v2: plain });
  const { v2 } = served.client;
  deepEqual(await v2.Status({}, { signal: never }), well);
  const sealed = await v2.Encrypt({ plaintext: seed, uid: "u" }, { signal: never });
  deepEqual(new Uint8Array(sealed.annotations["a.test"] ?? []), seed);
  const opened = await v2.Decrypt({ ...sealed, uid: "u" }, { signal: never });
  deepEqual(new Uint8Array(opened.plaintext), seed);
});

Deno.test("rpcServer() answers UNIMPLEMENTED for an unknown service or method", async () => {
  await using served = await serve({ v2: plain });
  await rejects(served.client.v1beta1.Version({ version: "v1beta1" }, { signal: never }), answered("UNIMPLEMENTED"));
  const path = "/v2.KeyManagementService/Export";
  const answer = await rawCall(served.path, { path, authority: "localhost", frame: grpcFrame(new Uint8Array()) });
  equal(answer.status, "12");
});

Deno.test("rpcServer() answers an unknown error with INTERNAL and the uid, without its details", async () => {
  const throws = () => {
    throw new Error("token-hunter2");
  };
  await using served = await serve({
    v2: { ...plain, Encrypt: throws, Decrypt: () => Promise.reject(new Error("hunter2")) },
  });
  const { v2 } = served.client;
  const clean = (error: unknown) => {
    ok(error instanceof KmsError && error.message.includes("INTERNAL") && error.message.includes("uid-5"));
    return !error.message.includes("hunter2");
  };
  await rejects(v2.Encrypt({ plaintext: seed, uid: "uid-5" }, { signal: never }), clean);
  await rejects(
    v2.Decrypt({ ciphertext: seed, key_id: "k", annotations: {}, uid: "uid-5" }, { signal: never }),
    clean,
  );
  deepEqual(await v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() keeps a message short enough for headers, for any characters", async () => {
  const long = "\u9375\u{1f511}".repeat(300);
  const throws = () => {
    throw new KmsError("unreachable", long);
  };
  await using served = await serve({ v2: { ...plain, Status: throws } });
  const path = "/v2.KeyManagementService/Status";
  const answer = await rawCall(served.path, { path, authority: "localhost", frame: grpcFrame(new Uint8Array()) });
  ok(answer.message.length > 400 && encodeURI(answer.message).length <= 4096);
  ok(long.startsWith(answer.message.slice(0, -1)));
});

Deno.test("rpcServer() answers DEADLINE_EXCEEDED before the client's own deadline", async () => {
  await using served = await serve({
    v2: {
      ...plain,
      Decrypt: (_request, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(abortError(signal, "ask the test")))
        ),
    },
  });
  await rejects(served.client.v2.Decrypt(request, { signal: never, timeoutMs: 400 }), {
    code: "deadline_exceeded",
    message: /Cannot ask the test: no answer within the deadline\.$/,
  });
});

Deno.test("rpcServer() aborts a handler's signal when its client disconnects", async () => {
  const gone = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  await using served = await serve({
    v2: {
      ...plain,
      Decrypt: (_request, { signal }) => {
        signal.addEventListener("abort", () => gone.resolve(abortError(signal, "ask").code));
        started.resolve();
        return new Promise(() => {});
      },
    },
  });
  const caller = new AbortController();
  const call = served.client.v2.Decrypt(request, { signal: caller.signal });
  await started.promise;
  caller.abort();
  await rejects(call, { code: "cancelled" });
  equal(await gone.promise, "cancelled");
});

Deno.test("rpcServer() answers INVALID_ARGUMENT for invalid bytes, and the next valid request works", async () => {
  await using served = await serve({ v2: plain });
  const garbage = [
    Uint8Array.of(0x0a, 0x7f, 1, 2, 3), // 127 bytes promised, three there
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), // a length that never ends
    new Uint8Array(64).fill(0xff),
    Uint8Array.of(0x22, 0x05, 0x0a, 0x7f, 0x61), // an annotation cut short
    Uint8Array.of(0x12, 0x05, 0x61), // a uid cut short
    Uint8Array.of(0x08, 0x01, 0x61), // field 1 as a number
    Uint8Array.of(0x02, 0x00), // field 0
    Uint8Array.of(0x7b, 0x7c), // a group
  ];
  for (const method of ["Encrypt", "Decrypt"]) {
    for (const message of garbage) {
      const path = `/v2.KeyManagementService/${method}`;
      const { status, message: sentence } = await rawCall(served.path, {
        path,
        authority: "localhost",
        frame: grpcFrame(message),
      });
      equal(status, "3", `${method} ${message}`);
      match(sentence, /^Cannot read the request to \/v2\.KeyManagementService/);
    }
  }
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() skips fields that a newer API server can send", async () => {
  await using served = await serve({ v2: plain });
  const path = "/v2.KeyManagementService/Encrypt";
  const message = Uint8Array.of(0x78, 0x05, 0x0a, 0x01, 0x07, 0x82, 0x01, 0x01, 0x00); // 15: a number, 1, 16: bytes
  equal((await rawCall(served.path, { path, authority: "localhost", frame: grpcFrame(message) })).status, "0");
});

Deno.test("rpcServer() refuses a request above the maximum, and the next valid request works", async () => {
  await using served = await serve({ v2: plain });
  const plaintext = new Uint8Array((1 << 20) + 1);
  await rejects(served.client.v2.Encrypt({ plaintext, uid: "" }, { signal: never }), answered("RESOURCE_EXHAUSTED"));
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() accepts every form of :authority", async () => {
  await using served = await serve({ v2: plain });
  const forms = ["localhost", encodeURIComponent(served.path), served.path.replaceAll("/", "%2F"), "x:0", "unix"];
  for (const authority of forms) {
    const path = "/v2.KeyManagementService/Status";
    const answer = await rawCall(served.path, { path, authority, frame: grpcFrame(new Uint8Array()) });
    equal(answer.status, "0", authority);
    ok(answer.body.length > 5);
  }
});

Deno.test("RpcServer.shutdown() answers calls made before the client received GOAWAY, and no later ones", async () => {
  const { Decrypt, asked, release } = held();
  await using served = await serve({ v2: { ...plain, Decrypt } });
  const { v2 } = served.client;
  const inFlight = v2.Decrypt(request, { signal: never });
  await asked;
  const down = served.server.shutdown(10_000);
  deepEqual(await v2.Status({}, { signal: never }), well);
  await rejects(v2.Status({}, { signal: never }), { code: "unreachable" });
  release();
  deepEqual(new Uint8Array((await inFlight).plaintext), seed);
  await down;
});

Deno.test("RpcServer.shutdown() cancels calls that have not ended by the deadline", async () => {
  const { Decrypt, asked } = held();
  await using served = await serve({ v2: { ...plain, Decrypt } });
  const cut = rejects(
    served.client.v2.Decrypt(request, { signal: never, timeoutMs: 20_000 }),
    answered("UNAVAILABLE", "CANCELLED"),
  );
  await asked;
  await served.server.shutdown(50);
  await cut;
});

Deno.test("RpcServer.listen() reports why it cannot listen", async () => {
  await using served = await serve({ v2: plain });
  await rejects(served.server.listen("/nowhere/at/all"), { code: "config", message: /Cannot listen on "\/nowhere/ });
});

const call = { path: "/v2.KeyManagementService/Encrypt", authority: "localhost" };
const good = grpcFrame(Uint8Array.of(0x0a, 1, 7));

Deno.test("rpcServer() answers an invalid frame with the status of its fault, and reports it", async () => {
  const told: string[] = [];
  await using served = await serve({
    v2: plain,
    unreadable: (path, { code, message }) => told.push(code, path, message),
  });
  const packed = good.with(0, 1);
  const cases = [
    [new Uint8Array(0), "3", "there is none"],
    [good.subarray(0, 3), "3", "it is cut short"],
    [good.subarray(0, 6), "3", "it is cut short"],
    [Uint8Array.of(...good, ...good), "3", "more follows after it"],
    [packed, "13", "it is marked as compressed, and its headers name no compression"],
    [packed, "12", "it is compressed, which is not supported here; send it as it is", "gzip"],
    [packed, "12", "it is compressed, which is not supported here; send it as it is", "snappy"],
  ] as const;
  for (const [frame, status, why, encoding] of cases) {
    const headers = encoding === undefined ? {} : { "grpc-encoding": encoding };
    const answer = await rawCall(served.path, { ...call, frame, headers });
    const sentence = `Cannot read the request to ${call.path}: ${why}.`;
    deepEqual([answer.status, answer.message], [status, sentence]);
    deepEqual(told.splice(0), ["request_invalid", call.path, sentence]);
  }
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() sends grpc-accept-encoding with the refusal of a compressed message", async () => {
  await using served = await serve({ v2: plain });
  const stream = await openCall(served.path, { "grpc-encoding": "gzip" });
  const answered = once(stream, "response");
  stream.end(good.with(0, 1));
  const [headers] = await answered;
  deepEqual([headers["grpc-status"], headers["grpc-accept-encoding"]], ["12", "identity"]);
  stream.session?.destroy();
});

Deno.test("rpcServer() reads a message in frames of one byte each", async () => {
  await using served = await serve({ v2: plain });
  await using client = await PipelinedClient.dial(served.path);
  const message = Uint8Array.of(0x0a, 100, ...new Uint8Array(100));
  equal(await client.call({ path: call.path, message, frameBytes: 1 }), undefined);
});

/** A raw call, which the test can leave incomplete. */
async function openCall(path: string, headers: Record<string, string> = {}): Promise<ClientHttp2Stream> {
  const session = connect("http://localhost", { createConnection: () => dial(path) });
  session.on("error", () => {});
  await once(session, "connect");
  const sent = { ":method": "POST", ":path": call.path, "content-type": "application/grpc", ...headers };
  const stream = session.request(sent);
  stream.on("error", () => {}).on("close", () => session.destroy());
  return stream;
}

Deno.test("rpcServer() limits the memory of a connection's incomplete requests, and answers others meanwhile", async () => {
  await using served = await serve({ v2: plain });
  const first = await openCall(served.path);
  const session = first.session as ClientHttp2Session;
  const headers = { ":method": "POST", ":path": call.path, "content-type": "application/grpc" };
  // All of the largest message but its last byte.
  const part = grpcFrame(new Uint8Array(maxMessage)).subarray(0, -1);
  const fitting = Math.floor(budgets.connection / (part.length + budgets.stream)) - 1;
  const refused: number[] = [];
  const streams = Array.from({ length: fitting }, () => session.request(headers).on("error", () => {}));
  for (const stream of streams) stream.on("close", () => refused.push(stream.rstCode ?? -1)).write(part);
  await new Promise((resolve) => session.ping(resolve));
  deepEqual(refused, []);
  const over = Array.from({ length: 3 }, () => session.request(headers).on("error", () => {}));
  const { promise: closed, resolve } = Promise.withResolvers<number | undefined>();
  for (const stream of over) stream.on("close", () => resolve(stream.rstCode));
  for (const stream of over) stream.write(part);
  // ENHANCE_YOUR_CALM.
  equal(await closed, 11);
  deepEqual(refused, []);
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
  // The memory is released with its streams.
  for (const stream of streams) stream.close(8);
  const answered = once(first, "response");
  first.end(good);
  equal((await answered)[0][":status"], 200);
  session.destroy();
});

Deno.test("rpcServer() resets the stream of an endless request, and gives the reason", async () => {
  await using served = await serve({ v2: plain });
  for (const path of [call.path, "/v2.KeyManagementService/Export"]) {
    const stream = await openCall(served.path, { ":path": path });
    const answered = once(stream, "response");
    const stopped = once(stream, "aborted");
    const piece = new Uint8Array(64 * 1024);
    const send = () => stream.destroyed || stream.write(piece, send);
    send();
    const [headers] = await answered;
    equal(headers["grpc-status"], path === call.path ? "8" : "12");
    await stopped;
    equal(stream.rstCode, 0);
    stream.session?.destroy();
  }
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() answers 415 to requests that are not gRPC", async () => {
  await using served = await serve({ v2: plain });
  for (
    const headers of [
      { "content-type": "application/json" },
      { "content-type": "application/grpc-web" },
      { ":method": "GET" },
      { ":path": "/", "content-type": "" },
    ]
  ) {
    const stream = await openCall(served.path, headers as Record<string, string>);
    const answered = once(stream, "response");
    stream.end();
    const [received] = await answered;
    equal(received[":status"], 415);
  }
});

Deno.test("rpcServer() survives clients that disconnect at any time, and bytes that are not HTTP/2", async () => {
  const { Decrypt, asked, release } = held();
  const told: string[] = [];
  await using served = await serve({ v2: { ...plain, Decrypt }, unreadable: (path) => told.push(path) });
  const gone = async (act: (stream: ClientHttp2Stream) => void, path = call.path) => {
    const stream = await openCall(served.path, { ":path": path });
    const closed = once(stream, "close");
    act(stream);
    await closed;
  };
  await gone((stream) => stream.close(8));
  await gone((stream) => stream.write(good.subarray(0, 4), () => stream.close(8)));
  await gone((stream) => stream.write(good.subarray(0, 4), () => stream.session?.destroy()));
  await gone((stream) => {
    stream.end(good);
    asked.then(() => stream.session?.destroy());
  }, "/v2.KeyManagementService/Decrypt");
  release();
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff"]) {
    const socket = dial(served.path);
    socket.on("error", () => {});
    socket.end(bytes);
    socket.resume();
    await once(socket, "close");
  }
  // Of a call with an incomplete message, only the path is reported.
  ok(told.every((path) => path === call.path), told.join());
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() keeps a connection on which the client cancels any number of calls, as in an outage", async () => {
  let aborted = 0;
  const { Decrypt } = held();
  await using served = await serve({
    v2: {
      ...plain,
      Decrypt: (request, call) => {
        call.signal.addEventListener("abort", () => aborted++);
        return Decrypt(request, call);
      },
    },
  });
  const first = await openCall(served.path);
  const session = first.session as ClientHttp2Session;
  const headers = {
    ":method": "POST",
    ":path": "/v2.KeyManagementService/Decrypt",
    "content-type": "application/grpc",
  };
  for (let calls = 0; calls < 1500; calls += 50) {
    const streams = Array.from({ length: 50 }, () => session.request(headers).on("error", () => {}));
    for (const stream of streams) stream.end(good);
    // An answered PING proves that the calls before it have arrived.
    await new Promise((resolve) => session.ping(resolve));
    for (const stream of streams) stream.close(8);
    await new Promise((resolve) => session.ping(resolve));
  }
  equal(aborted, 1500);
  const answered = once(first, "response");
  first.end(good);
  equal((await answered)[0][":status"], 200);
});

Deno.test("rpcServer() reports an internal error of a connection, and keeps the other connections", async () => {
  const told: unknown[] = [];
  const mistake = new TypeError("ours");
  const unreadable = () => {
    throw mistake;
  };
  await using served = await serve({ v2: plain, unreadable, broken: (thrown) => told.push(thrown) });
  await rejects(rawCall(served.path, { ...call, frame: good.subarray(0, 3) }));
  deepEqual(told, [mistake]);
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() answers INTERNAL if a handler's answer cannot be encoded", async () => {
  await using served = await serve({
    v2: {
      ...plain,
      Encrypt: () => ({ ciphertext: seed, key_id: 7 as unknown as string, annotations: null as never }),
      Decrypt: () => Promise.resolve(null as never),
    },
  });
  const { v2 } = served.client;
  await rejects(v2.Encrypt({ plaintext: seed, uid: "" }, { signal: never }), answered("INTERNAL"));
  await rejects(v2.Decrypt(request, { signal: never }), answered("INTERNAL"));
});

Deno.test("Listener.close() waits for its calls, and RpcServer.shutdown() waits at most its time for it", async () => {
  const { Decrypt, asked } = held();
  await using served = await serve({ v2: { ...plain, Decrypt } });
  const { v2 } = served.client;
  const cut = rejects(
    v2.Decrypt(request, { signal: never, timeoutMs: 20_000 }),
    answered("UNAVAILABLE", "CANCELLED"),
  );
  await asked;
  served.listener.close();
  deepEqual(await v2.Status({}, { signal: never }), well);
  await rejects(v2.Status({}, { signal: never }), { code: "unreachable" });
  await served.server.shutdown(50);
  await cut;
});
