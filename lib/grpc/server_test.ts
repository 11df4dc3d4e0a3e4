import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { abortError } from "../deadline.ts";
import { KmsError } from "../errors.ts";
import { grpcFrame, rawCall } from "../../tests/support/raw_grpc.ts";
import { dialKms, type KmsClient } from "./client.ts";
import { type KmsHandlers, type RpcServer, rpcServer } from "./server.ts";
import type { RpcFailure } from "./status.ts";

const never = new AbortController().signal;
const seed = new Uint8Array(32).fill(7);
const well = { version: "v2", healthz: "ok", key_id: "k" };

/** Answers everything; a test replaces what it is about. */
const plain: KmsHandlers["v2"] = {
  Status: () => well,
  Encrypt: ({ plaintext }) => ({ ciphertext: plaintext, key_id: "k", annotations: { "a.test": plaintext } }),
  Decrypt: ({ ciphertext }) => Promise.resolve({ plaintext: ciphertext }),
};

interface Served extends AsyncDisposable {
  readonly server: RpcServer;
  readonly path: string;
  readonly client: KmsClient;
}

async function serve(handlers: KmsHandlers): Promise<Served> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = rpcServer(handlers);
  await server.listen(path);
  const client = dialKms(path);
  return {
    server,
    path,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.shutdown(0);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function answered(...statuses: string[]) {
  return (error: unknown) => error instanceof KmsError && statuses.includes((error.cause as RpcFailure).status);
}

Deno.test("rpcServer() answers at once and later, fields as on the wire", async () => {
  await using served = await serve({ v2: plain });
  const { v2 } = served.client;
  deepEqual(await v2.Status({}, { signal: never }), well);
  const sealed = await v2.Encrypt({ plaintext: seed, uid: "u" }, { signal: never });
  deepEqual(new Uint8Array(sealed.annotations["a.test"] ?? []), seed);
  const opened = await v2.Decrypt({ ...sealed, uid: "u" }, { signal: never });
  deepEqual(new Uint8Array(opened.plaintext), seed);
});

Deno.test("rpcServer() answers UNIMPLEMENTED for a service or a method that is not there", async () => {
  await using served = await serve({ v2: plain });
  await rejects(served.client.v1beta1.Version({ version: "v1beta1" }, { signal: never }), answered("UNIMPLEMENTED"));
  const path = "/v2.KeyManagementService/Export";
  const answer = await rawCall(served.path, { path, authority: "localhost", frame: grpcFrame(new Uint8Array()) });
  equal(answer.status, "12");
});

Deno.test("rpcServer() gives a handler's stranger as INTERNAL with the uid and nothing of it", async () => {
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

Deno.test("rpcServer() says itself that the deadline passed, before the client's own clock does", async () => {
  await using served = await serve({
    v2: {
      ...plain,
      Decrypt: (_request, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(abortError(signal, "ask the test")))
        ),
    },
  });
  const request = { ciphertext: seed, key_id: "k", annotations: {}, uid: "" };
  await rejects(served.client.v2.Decrypt(request, { signal: never, timeoutMs: 400 }), {
    code: "deadline_exceeded",
    message: /Cannot ask the test: no answer within the deadline\.$/,
  });
});

Deno.test("rpcServer() tells a handler that its client went away", async () => {
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
  const request = { ciphertext: seed, key_id: "k", annotations: {}, uid: "" };
  const call = served.client.v2.Decrypt(request, { signal: caller.signal });
  await started.promise;
  caller.abort();
  await rejects(call, { code: "cancelled" });
  equal(await gone.promise, "cancelled");
});

Deno.test("rpcServer() answers INVALID_ARGUMENT for garbage, and the next good request works", async () => {
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

Deno.test("rpcServer() passes over fields that a newer API server may send", async () => {
  await using served = await serve({ v2: plain });
  const path = "/v2.KeyManagementService/Encrypt";
  const message = Uint8Array.of(0x78, 0x05, 0x0a, 0x01, 0x07, 0x82, 0x01, 0x01, 0x00); // 15: a number, 1, 16: bytes
  equal((await rawCall(served.path, { path, authority: "localhost", frame: grpcFrame(message) })).status, "0");
});

Deno.test("rpcServer() refuses a request of more than a mebibyte, and the next good request works", async () => {
  await using served = await serve({ v2: plain });
  const plaintext = new Uint8Array((1 << 20) + 1);
  await rejects(served.client.v2.Encrypt({ plaintext, uid: "" }, { signal: never }), answered("RESOURCE_EXHAUSTED"));
  deepEqual(await served.client.v2.Status({}, { signal: never }), well);
});

Deno.test("rpcServer() takes every form of :authority", async () => {
  await using served = await serve({ v2: plain });
  const forms = ["localhost", encodeURIComponent(served.path), served.path.replaceAll("/", "%2F"), "x:0", "unix"];
  for (const authority of forms) {
    const path = "/v2.KeyManagementService/Status";
    const answer = await rawCall(served.path, { path, authority, frame: grpcFrame(new Uint8Array()) });
    equal(answer.status, "0", authority);
    ok(answer.body.length > 5);
  }
});

Deno.test("RpcServer.shutdown() lets calls in flight end and takes no new ones", async () => {
  const release = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const Decrypt: KmsHandlers["v2"]["Decrypt"] = async ({ ciphertext }) => {
    started.resolve();
    await release.promise;
    return { plaintext: ciphertext };
  };
  await using served = await serve({ v2: { ...plain, Decrypt } });
  const { v2 } = served.client;
  const inFlight = v2.Decrypt({ ciphertext: seed, key_id: "k", annotations: {}, uid: "" }, { signal: never });
  await started.promise;
  const down = served.server.shutdown(10_000);
  await rejects(v2.Status({}, { signal: never }), { code: "unreachable" });
  release.resolve();
  deepEqual(new Uint8Array((await inFlight).plaintext), seed);
  await down;
});

Deno.test("RpcServer.shutdown() cuts off what has not ended by the deadline", async () => {
  const started = Promise.withResolvers<void>();
  const Decrypt = () => {
    started.resolve();
    return new Promise<never>(() => {});
  };
  await using served = await serve({ v2: { ...plain, Decrypt } });
  const request = { ciphertext: seed, key_id: "k", annotations: {}, uid: "" };
  const cut = rejects(
    served.client.v2.Decrypt(request, { signal: never, timeoutMs: 20_000 }),
    answered("UNAVAILABLE", "CANCELLED"),
  );
  await started.promise;
  await served.server.shutdown(50);
  await cut;
});

Deno.test("RpcServer.listen() says what stands in the way", async () => {
  await using served = await serve({ v2: plain });
  await rejects(served.server.listen("/nowhere/at/all"), { code: "config", message: /Cannot listen on "\/nowhere/ });
});
