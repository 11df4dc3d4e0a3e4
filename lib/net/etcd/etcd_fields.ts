/**
 * Fields of etcd's answers in JSON. Numbers of 64 bits are texts, bytes are base64, and a field of value zero is missing.
 *
 * @module
 */
import { fromBase64 } from "../../base/bytes.ts";
import { field } from "../https/fields.ts";
import { malformed } from "./etcd_client.ts";

/** A key with its value at one revision. */
export interface EtcdRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The revision of its last write. */
  readonly modRevision: number;
}

/** A whole number from 0 to 2^53-1. @throws {KmsError} `provider_protocol`. */
export function numberIn(value: unknown, name: string, action: string): number {
  const found = field(value, name) ?? "0";
  const number = typeof found === "number" || (typeof found === "string" && /^\d{1,16}$/.test(found))
    ? Number(found)
    : -1;
  if (!Number.isSafeInteger(number) || number < 0) throw malformed(action);
  return number;
}

/** @throws {KmsError} `provider_protocol`. */
export function bytesIn(value: unknown, name: string, action: string): Uint8Array {
  const found = field(value, name) ?? "";
  const bytes = typeof found === "string" ? fromBase64(found) : undefined;
  if (bytes === undefined) throw malformed(action);
  return bytes;
}

/** A list; empty if it is missing. @throws {KmsError} `provider_protocol`. */
export function listIn(value: unknown, name: string, action: string): readonly unknown[] {
  const found = field(value, name) ?? [];
  if (!Array.isArray(found)) throw malformed(action);
  return found;
}

/** A boolean; false if it is missing. @throws {KmsError} `provider_protocol`. */
export function flagIn(value: unknown, name: string, action: string): boolean {
  const found = field(value, name) ?? false;
  if (typeof found !== "boolean") throw malformed(action);
  return found;
}

/** The revision of the cluster in the header of an answer, 1 or more. @throws {KmsError} `provider_protocol`. */
export function revisionIn(value: unknown, action: string): number {
  const revision = numberIn(field(value, "header"), "revision", action);
  if (revision < 1) throw malformed(action);
  return revision;
}

/** The ID of the cluster in the header of an answer; `""` if it has none. */
export function clusterIn(value: unknown): string {
  const id = field(field(value, "header"), "cluster_id");
  return typeof id === "string" && /^\d{1,20}$/.test(id) ? id : "";
}

/** @throws {KmsError} `provider_protocol`. */
export function rowIn(value: unknown, action: string): EtcdRow {
  const modRevision = numberIn(value, "mod_revision", action);
  const key = bytesIn(value, "key", action);
  if (modRevision < 1 || key.length === 0) throw malformed(action);
  return { key, value: bytesIn(value, "value", action), modRevision };
}
