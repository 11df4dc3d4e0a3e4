import { deepEqual, doesNotMatch, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { tableOf } from "../../../tests/support/api_server_double.ts";
import { KmsError } from "../../base/errors.ts";
import { readTable } from "./table.ts";

const action = "list the objects";

Deno.test("readTable() returns names, revision and the rest of a list", () => {
  const metadata = { resourceVersion: "17", continue: "token", remainingItemCount: 3 };
  const { names, revision, continueToken, remaining } = readTable(tableOf(["a", "b"], metadata), action);
  deepEqual([names, revision, continueToken, remaining], [["a", "b"], 17, "token", 3]);
  const last = readTable(tableOf([]), action);
  deepEqual([last.names, last.revision, last.continueToken, last.remaining], [[], undefined, undefined, undefined]);
});

Deno.test("readTable() takes the column Name where none is marked, as of storageversionmigrations", () => {
  const columns = [{ name: "Status", type: "string", format: "" }, { name: "Name", type: "string", format: "" }];
  const body = { ...table, columnDefinitions: columns, rows: [{ cells: ["done", "a"] }] };
  deepEqual(readTable(body, action).names, ["a"]);
  const marked = { ...body, columnDefinitions: [{ name: "Id", type: "string", format: "name" }, columns[1]] };
  deepEqual(readTable(marked, action).names, ["done"]);
});

Deno.test("readTable() tells which columns can show a field: all but the name and dates, whatever they are called", () => {
  const columns = [
    { name: "Name", type: "string", format: "name" },
    { name: "Token", type: "string", priority: 1 },
    { name: "Age", type: "string" },
    { name: "Name", type: "string", format: "name" },
    { name: "Replicas", type: "integer" },
    { name: "Since", type: "date" },
  ];
  const body = { ...table, columnDefinitions: columns, rows: [] };
  deepEqual(readTable(body, action).fieldColumns, ["Token", "Age", "Name", "Replicas"]);
  deepEqual(readTable({ ...body, columnDefinitions: "none" }, action).fieldColumns, []);
});

const secret = { metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "s3cret-value" } } };
const table = tableOf(["a"]) as { rows: unknown[]; columnDefinitions: unknown[] };

const refused: readonly (readonly [what: string, body: unknown])[] = [
  ["a Secret", { kind: "Secret", apiVersion: "v1", data: { a: "s3cret-value" } }],
  ["a list of Secrets", { kind: "SecretList", apiVersion: "v1", items: [secret] }],
  ["metadata", { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", ...secret }],
  ["metadata in rows", { ...table, rows: [{ cells: ["a"], object: secret }] }],
  ["no column of names", { ...table, columnDefinitions: [{ name: "Age", type: "string", format: "" }] }],
  ["a name with a slash", tableOf(["a/b"])],
  ["rows without cells", { ...table, rows: [{}] }],
  ["rows that are no list", { ...table, rows: {} }],
  ["nothing", undefined],
];

for (const [what, body] of refused) {
  Deno.test(`readTable() refuses ${what}, and its message contains nothing of the answer`, () => {
    throws(() => readTable(body, action), (thrown: unknown) => {
      equal(thrown instanceof KmsError && thrown.code, "provider_protocol");
      doesNotMatch(String(thrown), /s3cret/);
      return true;
    });
  });
}

Deno.test("readTable() is total", () => {
  const rows = fc.record({ cells: fc.anything(), object: fc.option(fc.anything()) }, { requiredKeys: [] });
  const tables = fc.record({
    kind: fc.constantFrom("Table", "List"),
    apiVersion: fc.constant("meta.k8s.io/v1"),
    columnDefinitions: fc.oneof(fc.constant(table.columnDefinitions), fc.anything()),
    rows: fc.oneof(fc.array(rows), fc.anything()),
    metadata: fc.anything(),
  }, { requiredKeys: [] });
  fc.assert(fc.property(fc.oneof(tables, fc.anything()), (body) => {
    try {
      for (const name of readTable(body, action).names) equal(typeof name, "string");
    } catch (thrown) {
      equal(thrown instanceof KmsError && thrown.code, "provider_protocol");
    }
  }));
});
