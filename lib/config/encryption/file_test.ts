import { deepEqual, doesNotMatch, equal, match, throws } from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../../base/errors.ts";
import { readEncryptionFile } from "./file.ts";

const secret = "c2VjcmV0IGlzIHNlY3VyZSwgMzIgYnl0ZXMgbG9uZyE=";
const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";

function entry(providers: string, resources = "[secrets]"): string {
  return `${head}resources:\n  - resources: ${resources}\n    providers: ${providers}\n`;
}

function complaint(text: string): string {
  try {
    readEncryptionFile("EC.yaml", text);
  } catch (thrown) {
    if (thrown instanceof KmsError && thrown.code === "config") return thrown.message;
    throw thrown;
  }
  return "";
}

Deno.test("readEncryptionFile() reads every kind of provider, in YAML and JSON", () => {
  const key = { keys: [{ name: "key1", secret }] };
  const kms = { name: "old", endpoint: "unix:///run/old.sock", timeout: "3s" };
  const providers = [
    { kms: { ...kms, apiVersion: "v2" } },
    { kms: { ...kms, name: "older", cachesize: 100 } },
    { aescbc: key },
    { aesgcm: key },
    { secretbox: key },
    { identity: {} },
  ];
  const resources = [{ resources: ["secrets"], providers }, { resources: ["*.*"], providers: [{ identity: {} }] }];
  const text = JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
  const { entries } = readEncryptionFile("EC.json", text);
  deepEqual(entries.map((one) => one.resources), [["secrets"], ["*.*"]]);
  deepEqual(entries[0]?.providers, [
    { kind: "kms", name: "old", endpoint: kms.endpoint, apiVersion: "v2", timeout: "3s" },
    { kind: "kms", name: "older", endpoint: kms.endpoint, apiVersion: "v1", timeout: "3s" },
    { kind: "aescbc", keys: 1 },
    { kind: "aesgcm", keys: 1 },
    { kind: "secretbox", keys: 1 },
    { kind: "identity" },
  ]);
  equal(
    complaint("apiVersion: v1\nkind: EncryptionConfig\nresources: [{resources: [a], providers: [identity: {}]}]"),
    "",
  );
});

const kms = (fields: string) => entry(`[{kms: {${fields}}}]`);
const keys = (text: string) => entry(`[{aescbc: {keys: ${text}}}]`);

const wrong: readonly (readonly [text: string, complaint: RegExp])[] = [
  ["", /^EC\.yaml:1:1: must be a mapping$/],
  ["- a", /:1:1: must be a mapping/],
  ["a: [", /EC\.yaml:1:5: the indentation/],
  [`${head}resources: []`, /resources: must not be empty/],
  [head, /resources: is missing/],
  [entry("[identity: {}]").replace("EncryptionConfiguration", "Pod"), /:2:1: kind: must be EncryptionConfiguration/],
  [`${head}resorces: []\n`, /EC\.yaml:3:1: kube-apiserver knows no such field; did you mean "resources"\?/],
  [entry("[{aesbcb: {}}]"), /no such field; did you mean "aescbc"\?/],
  [entry("[{identity: {}, kms: {name: a, endpoint: unix:///a}}]"), /providers\[0\]: must have one of/],
  [entry("[{identity: null}]"), /identity: must be a mapping/],
  [entry("[{identity: {a: 1}}]"), /no such field/],
  [entry("[]"), /providers: must not be empty/],
  [entry("[identity: {}]", "[]"), /resources: must not be empty/],
  [entry("[identity: {}]", "[yes, 1]"), /resources\[1\]: must be a text/],
  [entry("[identity: {}]", "['*.*', secrets]"), /:4:17: resources\[0\]\.resources\[0\]: covers "secrets"/],
  [entry("[identity: {}]", "[events.events.k8s.io]"), /stores all events/],
  [`${entry("[identity: {}]", "['*.']")}  - {resources: [secrets], providers: [identity: {}]}\n`, /covered by "\*\."/],
  [kms("name: a:b, endpoint: unix:///a, apiVersion: v2"), /name: must not have a colon/],
  [kms("name: a, endpoint: 'http://a'"), /endpoint: must begin with unix/],
  [kms("name: a, endpoint: unix:///a, apiVersion: v3"), /apiVersion: must be v1 or v2/],
  [kms("name: a, endpoint: unix:///a, apiVersion: v2, cachesize: 5"), /cachesize: is for apiVersion v1/],
  [kms("name: a, endpoint: unix:///a, cachesize: 0"), /cachesize: must be a whole number/],
  [kms("name: a, endpoint: unix:///a, timeout: 0s"), /timeout: must be a duration/],
  [kms("name: a, endpoint: unix:///a, timeout: 3"), /timeout: must be a text/],
  [kms("endpoint: unix:///a"), /name: is missing/],
  [
    entry(
      "[{kms: {apiVersion: v2, name: a, endpoint: unix:///a}}, {kms: {apiVersion: v2, name: a, endpoint: unix:///b}}]",
    ),
    /providers\[1\]\.kms\.name: stands in the file twice/,
  ],
  [keys("[]"), /keys: must not be empty/],
  [keys("[{name: '', secret: MDEyMzQ1Njc4OTAxMjM0NQ==}]"), /name: must not be empty/],
  [keys(`[{name: a, secret: 12}]`), /secret: must be a text/],
  [keys(`[{name: a, sekret: ${secret}}]`), /no such field; did you mean "secret"\?/],
  [keys(`[{name: a, ${secret.slice(0, 31)}: b}]`), /keys\[0\]: kube-apiserver knows no such field/],
  [`${head}resources: [{resources: [a], providers: &p [identity: {}]}, {resources: [b], providers: *p}]`, /anchors/],
  [entry("[identity: {}]").replaceAll("\n", "\r\n").replace("- res", "- \rres"), /EC\.yaml:4:5: a carriage return/],
  [`${entry("[identity: {}]")}---\n${head}`, /second document/],
];

for (const [text, expected] of wrong) {
  Deno.test(`readEncryptionFile() reports: ${expected.source.slice(0, 60)}`, () => {
    match(complaint(text), expected);
    doesNotMatch(complaint(text), /c2VjcmV0IGlz/);
  });
}

Deno.test("readEncryptionFile() names no key, wherever a file is damaged", () => {
  const good = entry(`\n      - aescbc:\n          keys:\n            - name: key1\n              secret: ${secret}`);
  fc.assert(fc.property(fc.nat(good.length), fc.constantFrom("", ":", "\n", '"', " ", "{", "- "), (at, text) => {
    doesNotMatch(complaint(good.slice(0, at) + text + good.slice(at + 1)), /c2VjcmV0IGlz|IHNlY3VyZ/);
  }));
});

Deno.test("complainOfName() includes file, position and field", () => {
  const file = readEncryptionFile("EC.yaml", kms("name: a, endpoint: unix:///a"));
  throws(
    () => file.complainOfName(0, 0, "is wrong"),
    /^KmsError: EC\.yaml:5:24: resources\[0\]\.providers\[0\]\.kms\.name: is wrong$/,
  );
});

Deno.test("readEncryptionFile() doubts keys that kube-apiserver does not accept, and names none of them", () => {
  const doubts = (text: string) => readEncryptionFile("EC.yaml", text).doubts.join();
  const at = "resources[0].providers[0].aescbc.keys[0].secret";
  const said = `${at} is not base64 of 16, 24 or 32 bytes, and kube-apiserver refuses the file.`;
  equal(doubts(keys(`[{name: a, secret: ${secret.slice(0, -1)}}]`)), said);
  equal(doubts(keys(`[{name: a, secret: ${secret.slice(0, -4)}}]`)), said);
  equal(doubts(keys(`[{name: a, secret: ${secret}}]`)), "");
  match(doubts(entry("[{secretbox: {keys: [{name: a, secret: MDEyMzQ1Njc4OTAxMjM0NQ==}]}}]")), /of 32 bytes/);
});

Deno.test("readEncryptionFile() doubts endpoints at which this plugin cannot serve", () => {
  const doubts = (endpoint: string) =>
    readEncryptionFile("EC.yaml", kms(`name: a, endpoint: "${endpoint}"`)).doubts.join();
  const at = "resources[0].providers[0].kms.endpoint";
  equal(doubts("unix:///run/t/kms.sock"), "");
  for (const endpoint of ["unix:///@t", "unix:@t"]) match(doubts(endpoint), /^\S+ is an abstract socket, /);
  for (const endpoint of ["unix://run/t", "unix:t", "unix:///run/t?x"]) {
    equal(doubts(endpoint), `${at} names no absolute path of a socket, and kube-apiserver would reach nothing.`);
  }
});
