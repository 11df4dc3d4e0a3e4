import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import { newAccess } from "./access_baseline.ts";
import type { SecretAccess } from "./secret_access.ts";

const one: SecretAccess = {
  subject: "User anna",
  namespace: "a",
  way: "read",
  resources: ["/secrets"],
  verbs: ["get"],
  names: ["db"],
  binding: "RoleBinding a/b",
  role: "Role a/r",
  builtIn: false,
};

Deno.test("newAccess() finds another subject, namespace, way, resource, verb or object", () => {
  const changes: readonly Partial<SecretAccess>[] = [
    { subject: "User berta" },
    { namespace: "*" },
    { way: "change" },
    { resources: ["/secrets", "/pods"] },
    { verbs: ["get", "list"] },
    { names: ["db", "web"] },
    { names: [] },
    { names: ["*"] },
  ];
  for (const change of changes) deepEqual(newAccess([{ ...one, ...change }], [one]).length, 1, JSON.stringify(change));
});

Deno.test("newAccess() takes the same access by another path, or less of it, for known", () => {
  const wider = { ...one, verbs: ["get", "list"], names: ["db", "web"] };
  deepEqual(newAccess([one, { ...one, binding: "RoleBinding a/c", role: "ClusterRole view" }], [wider]), []);
});

Deno.test("newAccess() takes a narrower scope for known: one namespace of all, and some objects of all", () => {
  const whole = { ...one, namespace: "*", names: [] };
  for (
    const narrower of [
      { ...whole, namespace: "a" },
      { ...whole, names: ["db", "*"] },
      { ...whole, namespace: "a", names: ["db"] },
      { ...whole, namespace: "" },
    ]
  ) {
    deepEqual(newAccess([narrower], [whole]), [], JSON.stringify(narrower));
    deepEqual(newAccess([whole], [narrower]), [whole], "and the other way round it is new");
  }
  // Each of two wider ones has a part: neither of them has both verbs.
  const parts = [{ ...one, namespace: "*", verbs: ["get"] }, { ...one, names: [], verbs: ["list"] }];
  deepEqual(newAccess([{ ...one, verbs: ["get", "list"] }], parts), []);
  deepEqual(newAccess([{ ...one, namespace: "b", verbs: ["list"] }], parts).length, 1);
  deepEqual(newAccess([{ ...one, namespace: "*", names: [] }], parts).length, 1);
});

Deno.test("newAccess() finds nothing in the report that is the baseline, and all of it in an empty one", () => {
  const texts = fc.array(fc.string(), { minLength: 1, maxLength: 3 });
  const access = fc.record({
    subject: fc.string(),
    namespace: fc.string(),
    resources: texts,
    verbs: texts,
    names: texts,
  })
    .map((changed): SecretAccess => ({ ...one, ...changed }));
  fc.assert(fc.property(fc.array(access), (list) => {
    deepEqual(newAccess(list, structuredClone(list)), []);
    deepEqual(newAccess(list, []), list);
  }));
});
