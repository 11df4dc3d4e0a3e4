import { deepEqual, equal, rejects } from "node:assert/strict";
import { ApiServerDouble, statusAnswer } from "../../../tests/support/api_server_double.ts";
import { JsonServer } from "../../../tests/support/json_server.ts";
import { discoverApi } from "./api_resources.ts";
import { ApiServerClient } from "./api_server_client.ts";

const action = "ask the cluster for its resources";
const all = ["create", "get", "list", "patch"];

function serve(server: JsonServer, path: string, document: unknown): void {
  server.documents.set(path, () => document);
}

async function clientOf(server: JsonServer): Promise<ApiServerClient> {
  const none = { serverName: undefined, certificate: undefined, key: undefined, token: undefined };
  const access = { source: "a test", server: new URL(server.origin), ca: server.authority.certificate, ...none };
  return await ApiServerClient.open(access, action);
}

const call = { signal: AbortSignal.timeout(60_000), action };

Deno.test("discoverApi() returns stored resources under the preferred version of their group", async () => {
  await using server = await JsonServer.open();
  serve(server, "/api/v1", {
    resources: [
      { name: "secrets", namespaced: true, verbs: all },
      { name: "secrets/status", namespaced: true, verbs: all },
      { name: "bindings", namespaced: true, verbs: ["create"] },
      { name: "../odd", namespaced: true, verbs: all },
      { name: "nodes", namespaced: false, verbs: all },
    ],
  });
  const versions = (...names: string[]) => ({ versions: names.map((groupVersion) => ({ groupVersion })) });
  serve(server, "/apis", {
    groups: [versions("example.com/v2", "example.com/v1"), versions("gone.example.com/v1"), versions("x/../y")],
  });
  const widgets = { name: "widgets", namespaced: true, verbs: all };
  serve(server, "/apis/example.com/v1", { resources: [widgets, { ...widgets, name: "gadgets" }] });
  serve(server, "/apis/example.com/v2", { resources: [widgets] });
  using client = await clientOf(server);
  const { resources, silent } = await discoverApi(client, call);
  deepEqual(
    resources.map(({ group, version, name, namespaced }) => [group, version, name, namespaced]),
    [
      ["", "v1", "secrets", true],
      ["", "v1", "nodes", false],
      ["example.com", "v2", "widgets", true],
      ["example.com", "v1", "gadgets", true],
    ],
  );
  deepEqual([...silent], [], "404 is an answer");
  equal(server.requests.length, 5);
});

Deno.test("discoverApi() names the groups whose document is refused, and repeats requests as it is told", async () => {
  await using double = await ApiServerDouble.open();
  const versions = ["down.example.com/v2", "down.example.com/v1"].map((groupVersion) => ({ groupVersion }));
  double.fault = ({ path }) => {
    if (path === "/apis") return { status: 200, body: { groups: [{ versions }] } };
    if (path === "/apis/down.example.com/v2") return statusAnswer(503, "down");
    const widgets = { name: "widgets", namespaced: true, verbs: all };
    return path === "/apis/down.example.com/v1" ? { status: 200, body: { resources: [widgets] } } : undefined;
  };
  using client = await ApiServerClient.open(double.access, action);
  const { resources, silent } = await discoverApi(client, call);
  deepEqual([...silent], ["down.example.com"]);
  equal(resources.some(({ name }) => name === "widgets"), true);
  const asked: string[] = [];
  await discoverApi(client, call, undefined, (request) => {
    asked.push(request.path);
    return client.ask(request, call);
  });
  deepEqual(asked.length, 4);
});

Deno.test("discoverApi() asks no more than the groups that are named", async () => {
  await using server = await JsonServer.open();
  serve(server, "/api/v1", { resources: [] });
  using client = await clientOf(server);
  await discoverApi(client, call, new Set([""]));
  deepEqual(server.requests.map(({ path }) => path), ["/api/v1"]);
});

Deno.test("discoverApi() refuses documents of another form, and a core group without an answer", async () => {
  await using server = await JsonServer.open();
  using client = await clientOf(server);
  await rejects(discoverApi(client, call, new Set([""])), { code: "provider_protocol", message: /404 to \/api\/v1/ });
  serve(server, "/api/v1", { resources: "none" });
  await rejects(discoverApi(client, call, new Set([""])), {
    code: "provider_protocol",
    message: /no list of resources/,
  });
  serve(server, "/apis", { groups: [{}] });
  await rejects(discoverApi(client, call), { code: "provider_protocol", message: /no list of versions/ });
  const many = Array.from({ length: 2_001 }, (_, at) => ({ groupVersion: `g${at}/v1` }));
  serve(server, "/apis", { groups: [{ versions: many }] });
  await rejects(discoverApi(client, call), { code: "provider_protocol", message: /more than 2000 group versions/ });
});
