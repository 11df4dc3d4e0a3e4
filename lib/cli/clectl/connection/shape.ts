/**
 * Reads the members of a JSON document by their types. Members that are not read are ignored, so that a newer server
 * can send more.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";

/** A JSON object of unknown members. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a value. @param place of the value in the document, for a message. */
export type Reader<T> = (value: unknown, place: string) => T;

/** @throws {KmsError} `provider_protocol` if the value is no object. */
export function objectAt(value: unknown, place: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongForm(place, "an object");
  return value as JsonObject;
}

/** @throws {KmsError} `provider_protocol` if the value is no text. */
export function textAt(value: unknown, place: string): string {
  if (typeof value !== "string") throw wrongForm(place, "a text");
  return value;
}

/** @throws {KmsError} `provider_protocol` if the value is no whole number from 0. */
export function countAt(value: unknown, place: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrongForm(place, "a whole number");
  return value;
}

/** @throws {KmsError} `provider_protocol` if the value is neither true nor false. */
export function flagAt(value: unknown, place: string): boolean {
  if (typeof value !== "boolean") throw wrongForm(place, "true or false");
  return value;
}

/** One of some texts. @throws {KmsError} `provider_protocol` for any other value. */
export function knownTextAt<Known extends string>(texts: readonly Known[], value: unknown, place: string): Known {
  const found = texts.find((known) => known === value);
  if (found === undefined) throw wrongForm(place, `one of ${texts.join(", ")}`);
  return found;
}

/** A reader of lists. */
export function listOf<T>(read: Reader<T>): Reader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrongForm(place, "a list");
    return value.map((one, index) => read(one, `${place}[${index}]`));
  };
}

/** A reader of objects as maps. */
export function mapOf<T>(read: Reader<T>): Reader<ReadonlyMap<string, T>> {
  return (value, place) =>
    new Map(Object.entries(objectAt(value, place)).map(([name, one]) => [name, read(one, `${place}.${name}`)]));
}

/** Reads a member that can be absent or null. */
export function optional<T>(read: Reader<T>, value: unknown, place: string): T | undefined {
  return value === undefined || value === null ? undefined : read(value, place);
}

/** The error for a document of another form. It contains no value of the document. */
export function wrongForm(place: string, expected: string): KmsError {
  return new KmsError("provider_protocol", `Cannot read the answer of the keyring: ${place} is not ${expected}.`);
}
