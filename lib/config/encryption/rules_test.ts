import { deepEqual, equal } from "node:assert/strict";
import { covers, listMistakes, maskedNames, sameResource } from "./rules.ts";

// The mistakes that `ValidateEncryptionConfiguration` of k8s.io/apiserver 0.36.3 refuses; tests/e2e verifies some with
// kube-apiserver.
const refused: readonly (readonly [list: readonly string[], index: number, text: RegExp])[] = [
  [["*.*", "secrets"], 0, /covers "secrets"/],
  [["secrets", "*.*"], 1, /covers "secrets"/],
  [["*.*", "*.apps"], 0, /covers "\*\.apps"/],
  [["*.", "secrets"], 0, /covers "secrets"/],
  [["deployments.apps", "*.apps"], 1, /covers "deployments\.apps"/],
  [["secrets", "secrets"], 1, /twice/],
  [["secrets", "secrets."], 1, /twice/],
  [["*.*", "*.*"], 1, /twice/],
  [["secrets", "Secrets"], 1, /capital/],
  [["secrets.Example.com"], 0, /capital/],
  [["*"], 0, /"\*\."/],
  [["apiserveripinfo"], 0, /no REST API/],
  [["serviceipallocations"], 0, /no REST API/],
  [["servicenodeportallocations"], 0, /no REST API/],
  [["events.events.k8s.io"], 0, /write "events"/],
  [["*.events.k8s.io"], 0, /write "events"/],
  [["ingresses.extensions"], 0, /removed/],
  [["*.extensions"], 0, /removed/],
  [["secrets.*"], 0, /all groups/],
];

for (const [list, index, text] of refused) {
  Deno.test(`listMistakes() refuses ${list.join(" beside ")}`, () => {
    const [first, ...rest] = listMistakes(list);
    equal(first?.index, index);
    equal(text.test(first?.text ?? ""), true, first?.text);
    deepEqual(rest, []);
  });
}

const taken = [
  ["secrets", "configmaps", "deployments.apps"],
  ["*.*"],
  ["*."],
  ["*.apps", "*.batch", "secrets"],
  ["*.", "*.apps"],
  // kube-apiserver accepts names that protect nothing.
  ["secretz", "deployments", "secrets.v1", "pods/status", ""],
  ["serviceipallocations.example.com"],
] as const;

for (const list of taken) {
  Deno.test(`listMistakes() accepts ${list.join(" beside ")}`, () => deepEqual(listMistakes(list), []));
}

Deno.test("maskedNames() contains names that an earlier list covers, and none that a later one covers", () => {
  deepEqual(maskedNames([["*."], ["secrets", "deployments.apps"]]), [{ entry: 1, index: 0, by: "*." }]);
  deepEqual(maskedNames([["*.*"], ["*.apps"]]), [{ entry: 1, index: 0, by: "*.*" }]);
  deepEqual(maskedNames([["*.apps"], ["*.apps"]]), [{ entry: 1, index: 0, by: "*.apps" }]);
  deepEqual(maskedNames([["*.*"], ["*.*"]]), [{ entry: 1, index: 0, by: "*.*" }]);
  deepEqual(maskedNames([["secrets"], ["events"], ["*."], ["*.*"]]), []);
  // kube-apiserver merges the providers of two entries for one resource.
  deepEqual(maskedNames([["secrets"], ["secrets"]]), []);
});

Deno.test("covers() and sameResource() split at the first dot", () => {
  equal(covers("*.example.com", "widgets.example.com"), true);
  equal(covers("*.com", "widgets.example.com"), false);
  equal(covers("*.", "*."), false);
  equal(sameResource("secrets.", "secrets"), true);
});
