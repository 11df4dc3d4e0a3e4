/**
 * Opened objects of Kubernetes: JSON, or protobuf in the envelope `runtime.Unknown` behind `k8s` and a zero byte.
 *
 * Secrets, ConfigMaps and Namespaces are decoded. Every other kind stays protobuf, since its schema would have to be kept in step
 * with Kubernetes. Source: `generated.proto` of `k8s.io/api` and `k8s.io/apimachinery` 0.36.
 *
 * @module
 */
import * as yaml from "yaml";
import { base64, exactText } from "../../base/bytes.ts";
import { yamlText } from "../../base/yaml_text.ts";
import { lastField, mapEntry, type WireField, wireFields } from "../wire_fields.ts";

/** A decoded object. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** The manifest, for JSON, Secrets, ConfigMaps and Namespaces. An integer above 2^53 is a `bigint`. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** The object's own message, for every other kind. */
  readonly protobuf?: Uint8Array;
}

const magic = [0x6b, 0x38, 0x73, 0] as const;

/** Field numbers. */
const unknown = { typeMeta: 1, raw: 2 } as const;
const typeMeta = { apiVersion: 1, kind: 2 } as const;
const objectMeta = {
  name: 1,
  generateName: 2,
  namespace: 3,
  uid: 5,
  resourceVersion: 6,
  creationTimestamp: 8,
  labels: 11,
  annotations: 12,
  finalizers: 14,
} as const;

/** Decodes an object; `undefined` if the bytes are none. */
export function readStoredObject(bytes: Uint8Array): StoredObject | undefined {
  if (bytes[0] === 0x7b) return jsonObject(bytes);
  if (!magic.every((byte, at) => bytes[at] === byte)) return undefined;
  const fields = wireFields(bytes.subarray(magic.length));
  const meta = messageIn(fields, unknown.typeMeta);
  const raw = fields && lastField(fields, unknown.raw)?.bytes;
  if (meta === undefined || raw === undefined) return undefined;
  const [apiVersion, kind] = [textIn(meta, typeMeta.apiVersion), textIn(meta, typeMeta.kind)];
  if (apiVersion === "" || kind === "") return undefined;
  const decode = apiVersion === "v1" && Object.hasOwn(decoders, kind) ? decoders[kind as DecodedKind] : undefined;
  const message = decode && wireFields(raw);
  if (decode === undefined) return { apiVersion, kind, protobuf: raw };
  return message && { apiVersion, kind, manifest: { apiVersion, kind, ...decode(message) } };
}

/** A manifest as YAML. Every text is quoted: kubectl reads YAML 1.1, in which `yes` and `1_000` are no texts. */
export function manifestText(manifest: Readonly<Record<string, unknown>>): string {
  return yamlText(yaml, manifest, "all");
}

/** Manifests as JSON, in one line, or indented. */
export function manifestJson(value: unknown, indent?: number): string {
  const exact = (_name: string, field: unknown) => typeof field === "bigint" ? rawJson(field) : field;
  return JSON.stringify(value, exact, indent);
}

/** A number that `JSON.stringify` writes as it is. TypeScript's library lacks `JSON.rawJSON` of ECMAScript 2026. */
function rawJson(value: bigint): unknown {
  return (JSON as typeof JSON & { rawJSON(text: string): unknown }).rawJSON(`${value}`);
}

function jsonObject(bytes: Uint8Array): StoredObject | undefined {
  const text = exactText(bytes);
  const manifest = text === undefined ? undefined : parsed(text);
  if (typeof manifest !== "object" || manifest === null) return undefined;
  const { apiVersion, kind } = manifest as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  return { apiVersion, kind, manifest: manifest as Readonly<Record<string, unknown>> };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text, exactInteger);
  } catch {
    return undefined;
  }
}

/** Integers of Kubernetes have 64 bits. A fraction is rounded as Go rounds it. */
function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

type Fields = readonly WireField[];

const decoders = {
  Secret: (fields: Fields) => ({
    metadata: metadataIn(fields),
    ...nonEmpty("type", textIn(fields, 3)),
    ...nonEmpty("data", mapIn(fields, 2, base64)),
    ...flagIn("immutable", fields, 5),
  }),
  ConfigMap: (fields: Fields) => ({
    metadata: metadataIn(fields),
    ...nonEmpty("data", mapIn(fields, 2, (bytes) => exactText(bytes) ?? base64(bytes))),
    ...nonEmpty("binaryData", mapIn(fields, 3, base64)),
    ...flagIn("immutable", fields, 4),
  }),
  // The API server sets the finalizers of `spec` and the phase of `status`.
  Namespace: (fields: Fields) => ({ metadata: metadataIn(fields) }),
} as const satisfies Record<string, (fields: Fields) => Readonly<Record<string, unknown>>>;

type DecodedKind = keyof typeof decoders;

function metadataIn(fields: Fields): Readonly<Record<string, unknown>> {
  const meta = messageIn(fields, 1) ?? [];
  const seconds = messageIn(meta, objectMeta.creationTimestamp)?.find(({ id }) => id === 1)?.varint;
  const asText = (bytes: Uint8Array) => exactText(bytes) ?? "";
  const finalizers = meta.filter(({ id }) => id === objectMeta.finalizers).map(({ bytes }) => asText(bytes ?? empty));
  return {
    name: textIn(meta, objectMeta.name),
    ...nonEmpty("namespace", textIn(meta, objectMeta.namespace)),
    ...nonEmpty("uid", textIn(meta, objectMeta.uid)),
    ...(seconds === undefined ? {} : { creationTimestamp: timeOf(seconds) }),
    ...nonEmpty("labels", mapIn(meta, objectMeta.labels, asText)),
    ...nonEmpty("annotations", mapIn(meta, objectMeta.annotations, asText)),
    ...(finalizers.length === 0 ? {} : { finalizers }),
  };
}

/** RFC 3339 without fractions, as kube-apiserver prints it. */
function timeOf(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? `${seconds}` : time.toISOString().replace(/\.\d+Z$/, "Z");
}

const empty = new Uint8Array(0);

function messageIn(fields: Fields | undefined, id: number): Fields | undefined {
  const bytes = fields && lastField(fields, id)?.bytes;
  return bytes && wireFields(bytes);
}

function textIn(fields: Fields, id: number): string {
  return exactText(lastField(fields, id)?.bytes ?? empty) ?? "";
}

function mapIn(fields: Fields, id: number, read: (bytes: Uint8Array) => string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    fields.filter((field) => field.id === id).map((field): [string, string] => {
      const [key, value] = mapEntry(field);
      return [key, read(value)];
    }),
  );
}

function flagIn(name: string, fields: Fields, id: number): Readonly<Record<string, boolean>> {
  return lastField(fields, id)?.varint === 1 ? { [name]: true } : {};
}

function nonEmpty(
  name: string,
  value: string | Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const isEmpty = typeof value === "string" ? value === "" : Object.keys(value).length === 0;
  return isEmpty ? {} : { [name]: value };
}
