/**
 * Checks of what a caller wants to store: fields, labels, expiry, number of kept versions.
 *
 * @module
 */
import { exactText, utf8 } from "../../../base/bytes.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { fieldNamePattern, labelNamePattern, type SecretField, secretLimits } from "../../../api/keyring/fields.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { isFieldKind } from "./metadata_record.ts";

/**
 * Checks fields and labels and the size of both together.
 *
 * @throws {KeyringError} `request_invalid`, `too_large`.
 */
export function checkContent(
  path: SecretPath,
  fields: readonly SecretField[],
  labels: Readonly<Record<string, string>>,
): void {
  if (fields.length === 0) throw invalid(path, "it has no fields");
  if (fields.length > secretLimits.fields) throw tooLarge(path, `it has more than ${secretLimits.fields} fields`);
  if (new Set(fields.map(({ name }) => name)).size < fields.length) throw invalid(path, "a field is there twice");
  fields.forEach((field) => checkField(path, field));
  const total = fields.reduce((sum, { name, value }) => sum + name.length + value.length, checkLabels(path, labels));
  if (total > secretLimits.totalBytes) {
    throw tooLarge(path, `its names, values and labels have ${total} bytes, more than ${secretLimits.totalBytes}`);
  }
}

/** Checks labels. @returns the number of their bytes. */
export function checkLabels(path: SecretPath, labels: Readonly<Record<string, string>>): number {
  const entries = Object.entries(labels);
  if (entries.length > secretLimits.labels) throw tooLarge(path, `it has more than ${secretLimits.labels} labels`);
  return entries.reduce((sum, [name, value]) => sum + checkedLabel(path, name, value), 0);
}

/** Checks an expiry in milliseconds since the epoch. */
export function checkExpiry(path: SecretPath, expiresAt: number | undefined): void {
  if (expiresAt === undefined) return;
  if (Number.isSafeInteger(expiresAt) && expiresAt > 0 && rfc3339(expiresAt) !== undefined) return;
  throw invalid(path, "its expiry is not a time");
}

/** Checks a number of versions to keep. */
export function checkKeptVersions(path: SecretPath, count: number | undefined): void {
  const { maxKeptVersions } = secretLimits;
  if (count === undefined || (Number.isInteger(count) && count >= 1 && count <= maxKeptVersions)) return;
  throw invalid(path, `the number of kept versions is not 1 to ${maxKeptVersions}`);
}

function checkField(path: SecretPath, { name, kind, value }: SecretField): void {
  if (!fieldNamePattern.test(name)) throw invalid(path, "a field's name is not 1 to 128 letters, digits, _, - and .");
  if (!isFieldKind(kind)) throw invalid(path, `the field "${name}" has an unknown kind`);
  if (kind === "bytes") return;
  const text = exactText(value);
  if (text === undefined) throw invalid(path, `the field "${name}" is not UTF-8`);
  if (kind === "json" && !isJson(text)) throw invalid(path, `the field "${name}" is not JSON`);
}

function checkedLabel(path: SecretPath, name: string, value: string): number {
  if (!labelNamePattern.test(name)) {
    throw invalid(path, "a label's name is not 1 to 128 letters, digits, _, -, . and /");
  }
  if (!value.isWellFormed()) throw invalid(path, `the label "${name}" is not Unicode`);
  const size = name.length + utf8(value).length;
  if (size > secretLimits.labelBytes) {
    throw tooLarge(path, `the label "${name}" has more than ${secretLimits.labelBytes} bytes with its value`);
  }
  return size;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function invalid(path: SecretPath, why: string): KeyringError {
  return new KeyringError("request_invalid", `Cannot write "${path}": ${why}.`);
}

function tooLarge(path: SecretPath, why: string): KeyringError {
  return new KeyringError("too_large", `Cannot write "${path}": ${why}.`);
}
