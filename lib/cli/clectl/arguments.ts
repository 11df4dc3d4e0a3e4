/**
 * Words and options that several commands read in the same way.
 *
 * @module
 */
import { type FolderPath, folderPath, type SecretPath, secretPath } from "../../api/keyring/paths.ts";
import { labelNamePattern } from "../../api/keyring/fields.ts";
import { UsageError } from "../command.ts";
import type { SecretAttributes } from "./api/secrets_api.ts";
import type { ClectlCall, ClectlValues } from "./options.ts";
import { pointInTime } from "./times.ts";

/** The secret that a word names. @throws {KeyringError} `path_invalid` */
export function secretAt({ positionals }: ClectlCall, index = 0): SecretPath {
  return secretPath(positionals[index] ?? "");
}

/** The folder that the first word names; the root if there is none. @throws {KeyringError} `path_invalid` */
export function folderAt({ positionals }: ClectlCall): FolderPath {
  return folderPath(positionals[0] ?? "");
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
export function wholeNumber(text: string, option: string, least: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= least) return number;
  throw new UsageError(`${option} takes a whole number from ${least} on.`);
}

/** Labels and expiry of a new secret. @throws {UsageError} */
export function attributesOf({ options, terminal }: ClectlCall): SecretAttributes {
  const { labels, expires } = options;
  if (expires === "never") throw new UsageError("--expires never is for patch; leave it out instead.");
  return {
    ...(labels === undefined ? {} : { labels: givenLabels(labels) }),
    ...(expires === undefined ? {} : { expiresAt: pointInTime(expires, "--expires", terminal.clock) }),
  };
}

/** Labels of a text as `team=db,tier=1`. @throws {UsageError} */
export function givenLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const at = pair.indexOf("=");
      const name = at < 0 ? "" : pair.slice(0, at);
      if (!labelNamePattern.test(name)) throw new UsageError("--labels takes NAME=VALUE,…, as in team=db,tier=1.");
      return [name, pair.slice(at + 1)];
    }),
  );
}

/** The texts between commas. @throws {UsageError} for an empty one. */
export function commaList(text: string, option: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new UsageError(`${option} takes names with commas between them.`);
  return parts;
}
