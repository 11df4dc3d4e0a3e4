import { deepEqual, equal } from "node:assert/strict";
import { ApiServerDouble, statusAnswer, tableOf } from "../../../tests/support/api_server_double.ts";
import { systemClock } from "../../base/clock.ts";
import { ApiServerClient } from "../apiserver/api_server_client.ts";
import { countObjects, fieldColumns, lookForObject } from "./object_pages.ts";
import { rewriteCall } from "./rewrite_run.ts";

const secrets = { group: "", version: "v1", name: "secrets", namespaced: true, verbs: ["list", "patch"] };

Deno.test("countObjects() counts by one request, or page by page, and does not count what is refused", async () => {
  await using double = await ApiServerDouble.open();
  double.put("secrets", "a", ...Array.from({ length: 120 }, (_, at) => `s-${at}`));
  using client = await ApiServerClient.open(double.access, "count");
  const call = rewriteCall({ client, clock: systemClock, signal: new AbortController().signal });
  const collection = { resource: secrets, namespace: "a" };
  equal(await countObjects(call, collection), 120);
  equal(double.requests.length, 1);
  const all = Array.from({ length: 120 }, (_, at) => `s-${at}`).toSorted();
  double.fault = ({ query }) =>
    query.get("limit") === "1" ? { status: 200, body: tableOf(all.slice(0, 1), { continue: "1" }) } : undefined;
  equal(await countObjects(call, collection), 120);
  double.fault = () => statusAnswer(403, "no");
  equal(await countObjects(call, collection), undefined);
  double.fault = () => statusAnswer(404, "no");
  equal(await countObjects(call, collection), 0);
});

Deno.test("lookForObject() asks for one row, and returns the answer that refuses it", async () => {
  await using double = await ApiServerDouble.open();
  double.put("secrets", "a", "one", "two");
  using client = await ApiServerClient.open(double.access, "look");
  const call = rewriteCall({ client, clock: systemClock, signal: new AbortController().signal });
  const collection = { resource: secrets, namespace: "a" };
  deepEqual([await lookForObject(call, collection, "two"), await lookForObject(call, collection, "six")], [
    true,
    false,
  ]);
  deepEqual(double.requests.map(({ query }) => query.get("fieldSelector")), ["metadata.name=two", "metadata.name=six"]);
  double.fault = () => statusAnswer(404, "no");
  equal(await lookForObject(call, collection, "two"), false);
  double.fault = () => statusAnswer(403, "no");
  const refused = await lookForObject(call, collection, "two");
  equal(typeof refused === "object" && refused.refused.status, 403);
});

Deno.test("fieldColumns() reads the columns of a list without rows", async () => {
  await using double = await ApiServerDouble.open();
  double.put("secrets", "a", "one");
  using client = await ApiServerClient.open(double.access, "look");
  const call = rewriteCall({ client, clock: systemClock, signal: new AbortController().signal });
  const collection = { resource: secrets, namespace: "a" };
  deepEqual(await fieldColumns(call, collection), ["Age"]);
  const [{ query } = { query: new URLSearchParams() }] = double.requests;
  deepEqual([query.get("fieldSelector"), query.get("includeObject")], ["metadata.name=_", "None"]);
  for (const [status, expected] of [[404, []], [403, undefined]] as const) {
    double.fault = () => statusAnswer(status, "no");
    deepEqual(await fieldColumns(call, collection), expected);
  }
});
