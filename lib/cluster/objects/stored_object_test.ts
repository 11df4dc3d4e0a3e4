import { deepEqual, equal, match } from "node:assert/strict";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { parse } from "yaml";
import { concat, utf8 } from "../../base/bytes.ts";
import { manifestJson, manifestText, readStoredObject } from "./stored_object.ts";

/** `runtime.Unknown` behind its magic. */
function unknown(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(0x0a).fork().uint32(0x0a).string(apiVersion).uint32(0x12).string(kind).ldelim();
  return concat(utf8("k8s\0"), writer.uint32(0x12).bytes(raw).finish());
}

function pair(writer: protobuf.Writer, tag: number, key: string, value: Uint8Array): void {
  writer.uint32(tag).fork().uint32(0x0a).string(key).uint32(0x12).bytes(value).ldelim();
}

function metadata(writer: protobuf.Writer): void {
  writer.uint32(0x0a).fork().uint32(0x0a).string("db").uint32(0x1a).string("default");
  writer.uint32(0x42).fork().uint32(0x08).int64(1_700_000_000).ldelim();
  pair(writer, 0x5a, "app", utf8("x"));
  writer.ldelim();
}

Deno.test("readStoredObject() decodes Secrets and ConfigMaps", () => {
  const secret = protobuf.Writer.create();
  metadata(secret);
  pair(secret, 0x12, "password", Uint8Array.of(0xff, 0));
  secret.uint32(0x1a).string("Opaque").uint32(0x28).bool(true);
  const head = {
    name: "db",
    namespace: "default",
    creationTimestamp: "2023-11-14T22:13:20Z",
    labels: { app: "x" },
  };
  deepEqual(readStoredObject(unknown("v1", "Secret", secret.finish()))?.manifest, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: head,
    type: "Opaque",
    data: { password: "/wA=" },
    immutable: true,
  });
  const map = protobuf.Writer.create();
  metadata(map);
  pair(map, 0x12, "a", utf8("b\n"));
  pair(map, 0x1a, "bin", Uint8Array.of(1));
  deepEqual(readStoredObject(unknown("v1", "ConfigMap", map.finish()))?.manifest, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: head,
    data: { a: "b\n" },
    binaryData: { bin: "AQ==" },
  });
});

Deno.test("readStoredObject() reads JSON as it is, and leaves other kinds as protobuf", () => {
  const widget = { apiVersion: "example.com/v1", kind: "Widget", spec: { a: 1 } };
  deepEqual(readStoredObject(utf8(JSON.stringify(widget))), {
    apiVersion: "example.com/v1",
    kind: "Widget",
    manifest: widget,
  });
  const pod = readStoredObject(unknown("v1", "Pod", utf8("x")));
  deepEqual([pod?.kind, pod?.manifest, pod && [...pod.protobuf ?? []]], ["Pod", undefined, [...utf8("x")]]);
});

Deno.test("readStoredObject() decodes the metadata of Namespaces", () => {
  const namespace = protobuf.Writer.create();
  metadata(namespace);
  const { metadata: found } = readStoredObject(unknown("v1", "Namespace", namespace.finish()))?.manifest ?? {};
  deepEqual((found as { readonly labels: unknown }).labels, { app: "x" });
});

Deno.test("readStoredObject() keeps every digit of an integer, in YAML and in JSON", () => {
  const text =
    '{"apiVersion":"e.io/v1","kind":"Widget","spec":{"a":9223372036854775807,"b":-9007199254740993,"c":1.5}}';
  const manifest = readStoredObject(utf8(text))?.manifest ?? {};
  equal(manifestJson(manifest), text);
  match(manifestText(manifest), /"?a"?: 9223372036854775807\n.*b"?: -9007199254740993\n.*c"?: 1\.5\n/);
});

Deno.test("readStoredObject() is total", () => {
  const begin = fc.constantFrom(utf8(""), utf8("k8s\0"), utf8("{"), unknown("v1", "Secret", utf8("")));
  fc.assert(fc.property(begin, fc.uint8Array({ maxLength: 200 }), (head, rest) => {
    const read = readStoredObject(concat(head, rest));
    equal(read === undefined || typeof read.kind === "string", true);
  }));
});

/** Line breaks of YAML 1.1, and what kubectl refuses or takes for the begin of a file. */
const escaped = ["\u007f", "\u0080", "\u0085", "\u009f", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff"];

Deno.test("manifestText() escapes the characters that kubectl reads otherwise or refuses, in texts and keys", () => {
  for (const one of escaped) {
    const number = one.charCodeAt(0).toString(16).padStart(4, "0");
    equal(manifestText({ a: `b${one}c` }), `a: "b\\u${number}c"\n`);
    equal(manifestText({ [`b${one}c`]: 1 }), `"b\\u${number}c": 1\n`);
    equal(parse(manifestText({ a: `\\${one}`, b: "x\n".repeat(50) + one })).a, `\\${one}`);
  }
  equal(manifestText({ a: "\u00a0é\ufffd\u{1f600}" }), 'a: "\u00a0é\ufffd\u{1f600}"\n');
});

Deno.test("manifestText() quotes each key that is no plain word: kubectl merges <<, and 0o7 is a number for it", () => {
  const plain = ["apiVersion", "tls.crt", "a-b_c/d", "x1"];
  const quoted = ["<<", "=", "0o7", "1", "1e3", "yes", "n", "null", "~", "", "_", ".nan", "2001-01-01", "a b", "é"];
  for (const key of plain) equal(manifestText({ [key]: 1 }), `${key}: 1\n`);
  for (const key of quoted) equal(manifestText({ [key]: 1 }), `"${key}": 1\n`);
  equal(manifestText({ a: [{ "<<": { "0o7": {} } }] }), 'a:\n  - "<<":\n      "0o7": {}\n');
});

Deno.test("manifestText() gives YAML that YAML 1.1 reads back alike", () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("yes", "on", "1_000", "007", "1e3", "2001-01-01", "~", "", "a\nb\n", ...escaped),
  );
  fc.assert(fc.property(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/), text), (data) => {
    const manifest = { kind: "ConfigMap", data: { ...data } };
    deepEqual(parse(manifestText(manifest), { version: "1.1" }), manifest);
  }));
});
