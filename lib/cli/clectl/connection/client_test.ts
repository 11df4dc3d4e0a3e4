import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createServer } from "node:net";
import { answerJson, answerProblem, KeyringDouble } from "../../../../tests/support/keyring_double.ts";
import { KmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { serverAddress } from "./address.ts";
import { clientLimits, KeyringClient } from "./client.ts";
import { objectAt, textAt } from "./shape.ts";

const never = new AbortController().signal;

function clientOf(address: string, timeoutMs = 5000, signal = never): KeyringClient {
  return new KeyringClient({ address: serverAddress(address, "test") }, signal, timeoutMs);
}

const failsWith = (code: string, why: RegExp) => (thrown: unknown) => {
  ok(thrown instanceof KmsError || thrown instanceof KeyringError, String(thrown));
  equal(thrown.code, code, thrown.message);
  match(thrown.message, why);
  return true;
};

const health = { method: "GET", path: "health" } as const;

/** A server that answers each connection with raw bytes. */
async function rawServer(bytes: (attempt: number) => string, hold = false) {
  const folder = await Deno.makeTempDir();
  const attempts = { count: 0 };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const text = bytes(++attempts.count);
      if (hold) socket.write(text);
      else socket.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(`${folder}/s.sock`, resolve));
  return {
    address: `unix://${folder}/s.sock`,
    attempts,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("KeyringClient.json() sends JSON with a key, and reads the answer", async () => {
  await using double = await KeyringDouble.start((_, response) => answerJson(response, { path: "a" }, 201));
  using client = clientOf(double.address);
  const call = {
    method: "POST",
    path: "secrets/a%20b",
    query: { x: "1 2", y: undefined },
    body: '{"v":1}',
    ifMatch: 3,
    idempotent: true,
  };
  const path = await client.json({ ...call, method: "POST" }, (value) => textAt(objectAt(value, "")["path"], "path"));
  equal(path, "a");
  const [request] = double.requests;
  deepEqual([request?.method, request?.url, request?.body], ["POST", "/api/v1/secrets/a%20b?x=1%202", '{"v":1}']);
  equal(request?.headers["if-match"], '"3"');
  match(String(request?.headers["idempotency-key"]), /^[0-9a-f]{32}$/);
});

Deno.test("KeyringClient.json() throws the problem that the server answers, without characters that control a terminal", async () => {
  await using double = await KeyringDouble.start((_, response) =>
    answerProblem(response, 412, "version_mismatch", '"a\u001b[2J" has version 1, not 7.', { version: 1 })
  );
  using client = clientOf(double.address);
  await rejects(client.json(health, objectAt), (thrown) => {
    ok(thrown instanceof KeyringError);
    deepEqual([thrown.code, thrown.details.version], ["version_mismatch", 1]);
    equal(thrown.message, '"a\ufffd[2J" has version 1, not 7.');
    return true;
  });
});

for (
  const [name, status, type, body, code] of [
    [
      "an unknown code",
      409,
      "application/problem+json",
      '{"type":"urn:trousseau:problem:odd","detail":"x"}',
      "provider_protocol",
    ],
    ["a page of another program", 404, "text/html", "<html>", "provider_protocol"],
    ["a gateway", 503, "text/html", "<html>", "unreachable"],
    ["a gateway that refuses", 403, "text/html", "<html>", "permission_denied"],
    ["a redirect", 302, "text/html", "", "provider_protocol"],
    ["another media type", 200, "text/html", "{}", "provider_protocol"],
    ["JSON that is none", 200, "application/json", "{", "provider_protocol"],
    ["bytes that are no UTF-8", 200, "application/json", Uint8Array.of(0xff), "provider_protocol"],
    ["a list in place of an object", 200, "application/json", "[]", "provider_protocol"],
  ] as const
) {
  Deno.test(`KeyringClient.json() refuses ${name}`, async () => {
    await using double = await KeyringDouble.start((_, response) => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
    using client = clientOf(double.address);
    await rejects(client.json(health, objectAt), failsWith(code, /./));
  });
}

Deno.test("KeyringClient.json() names a socket that is absent, without a listener, or not permitted", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using absent = clientOf(`unix://${folder}/none.sock`);
    await rejects(absent.json(health, objectAt), failsWith("unreachable", /no such socket/));
    const left = Deno.listen({ transport: "unix", path: `${folder}/left.sock` });
    left.close();
    await Deno.remove(`${folder}/left.sock`).catch(() => {});
    await Deno.writeTextFile(`${folder}/left.sock`, "");
    using refused = clientOf(`unix://${folder}/left.sock`);
    await rejects(refused.json(health, objectAt), failsWith("unreachable", /nothing listens/));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("KeyringClient.json() ends at its deadline: no answer, half a head, half a body", async () => {
  const halves = [
    "",
    "HTTP/1.1 200 OK\r\ncontent-",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
  ];
  for (const half of halves) {
    await using server = await rawServer(() => half, true);
    using client = clientOf(server.address, 150);
    await rejects(client.json(health, objectAt), failsWith("deadline_exceeded", /did not answer in time/), half);
  }
});

Deno.test("KeyringClient.json() ends when the command is stopped", async () => {
  await using server = await rawServer(() => "", true);
  const stop = new AbortController();
  using client = clientOf(server.address, 5000, stop.signal);
  setTimeout(() => stop.abort(), 50);
  await rejects(client.json(health, objectAt), failsWith("cancelled", /was stopped/));
});

Deno.test("KeyringClient.json() repeats a request once if the connection breaks, with the same key", async () => {
  const half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
  for (const start of ["", half]) {
    await using server = await rawServer(() => start);
    using client = clientOf(server.address);
    await rejects(client.json(health, objectAt), failsWith("unreachable", /ended before the whole answer/), start);
    equal(server.attempts.count, 2, start);
  }
  let count = 0;
  await using double = await KeyringDouble.start((_, response) => {
    if (++count === 1) response.socket?.destroy();
    else answerJson(response, {});
  });
  using client = clientOf(double.address);
  deepEqual(await client.json({ method: "POST", path: "x", body: "{}", idempotent: true }, objectAt), {});
  const keys = double.requests.map(({ headers }) => headers["idempotency-key"]);
  equal(keys.length, 2);
  equal(keys[0], keys[1]);
  count = 0;
  await rejects(
    client.json({ method: "POST", path: "enrol", body: "{}" }, objectAt),
    failsWith("unreachable", /ended/),
  );
  equal(count, 1);
});

Deno.test("KeyringClient.json() refuses an answer that is not HTTP, and one that is too large", async () => {
  await using other = await rawServer(() => "SSH-2.0-OpenSSH_9.2\r\n");
  using client = clientOf(other.address);
  await rejects(client.json(health, objectAt), failsWith("provider_protocol", /does not speak HTTP/));
  await using double = await KeyringDouble.start((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.on("error", () => {});
    response.end(new Uint8Array(clientLimits.answerBytes + 1));
  });
  using second = clientOf(double.address);
  await rejects(second.json(health, objectAt), failsWith("provider_protocol", /larger than/));
});

Deno.test("KeyringClient.open() streams, and its deadline ends with the head", async () => {
  await using double = await KeyringDouble.start((_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.write("a");
    setTimeout(() => response.end("b"), 300);
  });
  using client = clientOf(double.address, 150);
  using answer = await client.open({ method: "GET", path: "backup" }, "application/octet-stream");
  let text = "";
  for await (const chunk of answer.chunks) text += new TextDecoder().decode(chunk);
  equal(text, "ab");
});

Deno.test("KeyringClient.json() keeps numbers as they are written", async () => {
  const text = '{"a":12345678901234567890,"b":1.50,"c":[7]}';
  await using double = await KeyringDouble.start((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(text);
  });
  using client = clientOf(double.address);
  equal(JSON.stringify(await client.json(health, objectAt)), text);
});
