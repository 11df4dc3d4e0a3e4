/**
 * Words and options that several commands read in the same way.
 *
 * @module
 */
import { type FolderPath, folderPath, type SecretPath, secretPath } from "../../api/keyring/paths.ts";
import { KmsError } from "../../base/errors.ts";
import { labelNamePattern } from "../../api/keyring/fields.ts";
import { UsageError } from "../command.ts";
import { type ServerAddress, serverAddress } from "./connection/address.ts";
import type { SecretAttributes } from "./api/secrets_api.ts";
import type { ClectlCall, ClectlValues } from "./options.ts";
import { pointInTime } from "./times.ts";

/** The secret that a word names. @throws {KeyringError} `path_invalid` */
export function secretAt({ positionals }: ClectlCall, index = 0): SecretPath {
  return secretPath(positionals[index] ?? "");
}

/** The folder that the first word names; the root if there is none. @throws {KeyringError} `path_invalid` */
export function folderAt({ positionals }: ClectlCall): FolderPath {
  return folderAtText(positionals[0] ?? "");
}

/** The folder of a text; `/` is the root, as in the policy. @throws {KeyringError} `path_invalid` */
export function folderAtText(text: string): FolderPath {
  return folderPath(text === "/" ? "" : text);
}

/** The address of a word or an option. @throws {UsageError} */
export function typedAddress(text: string, source: string): ServerAddress {
  try {
    return serverAddress(text, source);
  } catch (thrown) {
    throw thrown instanceof KmsError ? new UsageError(thrown.message) : thrown;
  }
}

/** The version that `--cas` expects. @throws {UsageError} */
export function casOf({ cas }: ClectlValues): number | undefined {
  return cas === undefined ? undefined : wholeNumber(cas, "--cas", 0);
}

/** The versions of `--versions`. @throws {UsageError} */
export function givenVersions({ versions }: ClectlValues): readonly number[] | undefined {
  return versions?.split(",").map((one) => wholeNumber(one, "--versions", 1));
}

/** A whole number of at most nine digits. @throws {UsageError} */
export function wholeNumber(text: string, option: string, least: number, most?: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= (most ?? number)) return number;
  if (most === undefined) throw new UsageError(`${option} takes a whole number from ${least} on.`);
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}.`);
}

/** The ID of an enrolment or a token, which the first word is. @throws {UsageError} */
export function idAt({ positionals: [id = ""] }: ClectlCall): string {
  if (/^[0-9a-f]{32}$/.test(id)) return id;
  throw new UsageError("ID has 32 hexadecimal digits, as the list shows it.");
}

/** Labels and expiry of a new secret. @throws {UsageError} */
export function attributesOf({ options, terminal }: ClectlCall): SecretAttributes {
  const { expires } = options;
  const labels = labelsOf(options);
  if (expires === "never") throw new UsageError("--expires never is for patch; leave it out instead.");
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(expires === undefined ? {} : { expiresAt: pointInTime(expires, "--expires", terminal.clock) }),
  };
}

/**
 * The labels of `--label team=db` and `--labels team=db,tier=1`. The value of `--label` can contain commas.
 *
 * @returns `undefined` if there is none.
 * @throws {UsageError}
 */
export function labelsOf({ label = [], labels }: ClectlValues): Readonly<Record<string, string>> | undefined {
  const pairs = [
    ...label.map((pair) => labelPair(pair, "--label")),
    ...(labels?.split(",") ?? []).map((pair) => labelPair(pair, "--labels")),
  ];
  refuseRepeated(pairs.map(([name]) => name), "label");
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function labelPair(pair: string, option: string): readonly [name: string, value: string] {
  const at = pair.indexOf("=");
  const name = at < 0 ? "" : pair.slice(0, at);
  if (!labelNamePattern.test(name)) throw new UsageError(`${option} takes NAME=VALUE, as in team=db.`);
  return [name, pair.slice(at + 1)];
}

/** The labels of `--remove-label` and `--remove-labels`. @throws {UsageError} */
export function removedLabels({ "remove-label": one = [], "remove-labels": list }: ClectlValues): readonly string[] {
  return [...one, ...(list === undefined ? [] : commaList(list, "--remove-labels"))];
}

/** Of two values for one name, one would be ignored silently. @throws {UsageError} */
export function refuseRepeated(names: readonly string[], what: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined) throw new UsageError(`The ${what} ${repeated} is given twice.`);
}

/** The texts between commas. @throws {UsageError} for an empty one. */
export function commaList(text: string, option: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new UsageError(`${option} takes names with commas between them.`);
  return parts;
}
