import { deepEqual, doesNotMatch, equal, match, rejects } from "node:assert/strict";
import { Authority } from "../../../tests/support/certificates.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { JsonServer } from "../../../tests/support/json_server.ts";
import type { KmsError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { ClusterAccess } from "./access.ts";
import { ApiServerClient, apiServerTimeoutMs } from "./api_server_client.ts";

const action = "look at the cluster";
const call = () => ({ signal: new AbortController().signal, action });

function accessTo(server: JsonServer, changed: Partial<ClusterAccess> = {}): ClusterAccess {
  const token = { description: "a test", read: () => Promise.resolve(new Secret("s.token")) };
  const none = { serverName: undefined, certificate: undefined, key: undefined };
  const ca = server.authority.certificate;
  return { source: "admin.conf", server: new URL(server.origin), ca, token, ...none, ...changed };
}

async function failure(of: Promise<unknown>): Promise<KmsError> {
  return await of.then(() => Promise.reject(new Error("it succeeded")), (thrown) => thrown);
}

Deno.test("ApiServerClient reads the token at each request, and sends it below the server's path", async () => {
  await using server = await JsonServer.open();
  server.documents.set("/prefix/api/v1?limit=1", () => ({ kind: "APIResourceList" }));
  const tokens = ["s.first", "s.second"];
  const token = { description: "a test", read: () => Promise.resolve(new Secret(tokens.shift() ?? "")) };
  const access = accessTo(server, { server: new URL(`${server.origin}/prefix/`), token });
  using client = await ApiServerClient.open(access, action);
  equal(client.address, `${server.origin}/prefix`);
  for (let at = 0; at < 2; at++) deepEqual(await client.read("/api/v1?limit=1", call()), { kind: "APIResourceList" });
  deepEqual(server.requests.map(({ authorization }) => authorization), ["Bearer s.first", "Bearer s.second"]);
});

const statuses = [
  [401, "unauthenticated", /does not accept the credentials of admin\.conf\.$/],
  [403, "permission_denied", /forbids \/api\/v1\/secrets to this user\.$/],
  [404, "provider_protocol", /answered 404 to \/api\/v1\/secrets\.$/],
  [429, "throttled", /has too many requests and refused \/api\/v1\/secrets\.$/],
  [500, "unreachable", /answered 500 to \/api\/v1\/secrets\.$/],
  [503, "unreachable", /answered 503/],
] as const;

Deno.test("ApiServerClient.read() turns each status into a code and a sentence without query and token", async () => {
  await using server = await JsonServer.open();
  using client = await ApiServerClient.open(accessTo(server), action);
  for (const [status, code, sentence] of statuses) {
    server.fault = { status };
    const { code: found, message } = await failure(client.read("/api/v1/secrets?limit=2", call()));
    equal(found, code);
    match(message, sentence);
    match(message, /^Cannot look at the cluster: the API server at https:\/\/localhost:\d+ /);
    doesNotMatch(message, /limit|s\.token/);
  }
});

Deno.test("ApiServerClient reports connections that are refused, cut off, reset or not trusted", async () => {
  await using server = await JsonServer.open();
  using client = await ApiServerClient.open(accessTo(server), action);
  for (const fault of ["cut", "reset"] as const) {
    server.fault = fault;
    equal((await failure(client.read("/api", call()))).code, "unreachable");
  }
  const other = accessTo(server, { ca: new Authority("Another").certificate });
  using untrusting = await ApiServerClient.open(other, action);
  match((await failure(untrusting.read("/api", call()))).message, /admin\.conf/);
  using refused = await ApiServerClient.open(accessTo(server, { server: new URL("https://127.0.0.1:1") }), action);
  const { code, message } = await failure(refused.read("/api", call()));
  equal(code, "unreachable");
  match(message, /the API server at https:\/\/127\.0\.0\.1:1 /);
});

Deno.test("ApiServerClient.ask() ends at its deadline and with the caller's signal", async () => {
  await using server = await JsonServer.open();
  const clock = new FakeClock();
  using client = await ApiServerClient.open(accessTo(server), action, clock);
  server.fault = "hang";
  const late = failure(client.read("/api", call()));
  while (server.requests.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  await clock.advance(apiServerTimeoutMs);
  equal((await late).code, "deadline_exceeded");
  const controller = new AbortController();
  const stopped = failure(client.read("/api", { signal: controller.signal, action }));
  while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  equal((await stopped).code, "cancelled");
});

Deno.test("ApiServerClient.ask() refuses an answer above the limit, and a token that cannot be sent", async () => {
  await using server = await JsonServer.open();
  server.documents.set("/large", () => "x".repeat(2_000));
  using client = await ApiServerClient.open(accessTo(server), action);
  await rejects(client.ask({ method: "GET", path: "/large", maxBytes: 1_000 }, call()), { code: "provider_protocol" });
  const token = { description: "a test", read: () => Promise.resolve(new Secret("a\nb")) };
  using unsendable = await ApiServerClient.open(accessTo(server, { token }), action);
  const { code, message } = await failure(unsendable.read("/api", call()));
  equal(code, "config");
  doesNotMatch(message, /a\nb/);
});
