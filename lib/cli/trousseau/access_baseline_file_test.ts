import { deepEqual, throws } from "node:assert/strict";
import { readAccessBaseline } from "./access_baseline_file.ts";

Deno.test("readAccessBaseline() reads the permissions of a report, and leaves the paths out", () => {
  const known = {
    subject: "User anna",
    namespace: "*",
    way: "read",
    resources: ["/secrets"],
    verbs: ["get"],
    names: [],
  };
  const report = { source: "a", access: [{ ...known, binding: "ClusterRoleBinding b", builtIn: false }] };
  deepEqual(readAccessBaseline(JSON.stringify(report), "b.json"), [known]);
});

Deno.test("readAccessBaseline() refuses any other text", () => {
  for (const text of ["", "{", "[]", "{}", '{"access":[{"subject":1}]}']) {
    throws(() => readAccessBaseline(text, "b.json"), { code: "config", message: /^b\.json is no report/ });
  }
});
