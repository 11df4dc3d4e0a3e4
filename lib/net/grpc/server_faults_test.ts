import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { connect as dial } from "node:net";
import { PipelinedClient } from "../../../tests/support/pipelined_client.ts";
import { grpcFrame, rawCall } from "../../../tests/support/raw_grpc.ts";
import { budgets } from "../http2/budget.ts";
import { maxMessage } from "./message_reader.ts";
import { answered, call, held, never, plain, request, seed, serve, well } from "../../../tests/support/rpc_server.ts";

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
