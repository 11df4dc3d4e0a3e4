import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { grpcFrame, rawCall } from "../../../tests/support/raw_grpc.ts";
import { answered, held, never, plain, request, seed, serve, well } from "../../../tests/support/rpc_server.ts";

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
  const answered = async () => {
    const thrown = await served.client.v2.Decrypt(request, { signal: never, timeoutMs: 400 }).catch((error) => error);
    equal(thrown.code, "deadline_exceeded");
    return /Cannot ask the test: no answer within the deadline\.$/.test(thrown.message);
  };
  // The server has a tenth of a second: a machine that stops this process for so long takes it away.
  let tries = 1;
  while (!await answered()) ok(++tries <= 10, "the server answers before the client gives up");
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
