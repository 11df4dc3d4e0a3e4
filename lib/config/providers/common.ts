/**
 * The fields and checks that all kinds of provider share.
 *
 * @module
 */
import { resolve } from "node:path";
import * as z from "zod/mini";
import { exposureRemarks, whyNoSecret, whyWritable } from "../../base/credential_file.ts";
import { whyUnreadable } from "../../base/durable_file.ts";
import type { SecretSource } from "../../base/secret.ts";
import type { AwsKeyVariable, Environment, PlainVariable } from "../environment.ts";
import { type SecretReference, text } from "../fields.ts";
import type { Files } from "../files.ts";
import type { FieldPath } from "../positions.ts";
import type { Problems } from "../problems.ts";
import type { ProviderListName } from "../provider_lists.ts";
import { fileSource, literalSource, variableSource } from "../secrets.ts";

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const labelComplaint = "must be 1 to 63 lowercase letters, digits and -, with - neither first nor last";

/** A field that contains a provider's name. */
export function providerName(description: string) {
  return text(description, label, labelComplaint);
}

/** The fields of every provider, in addition to `kind`. */
export const commonFields = {
  name: providerName(
    "Your name for this key, a DNS label such as vault-eu. It is part of the key ID; to change it, put the old one under formerly.",
  ),
  formerly: z._default(
    z.array(providerName("A name that this provider had."), "must be a list of names")
      .check(
        z.maxLength(16, "must be at most 16 names"),
        z.describe("Names that this provider had before, at most 16: their wraps still open."),
      ),
    [],
  ),
};

/** The settings of one provider, and their position in the configuration. */
export interface PlacedSettings<Settings> {
  /** The list that contains the entry. */
  readonly list: ProviderListName;
  /** Index in the list of the file. */
  readonly index: number;
  readonly settings: Settings;
}

/** The context of the checks that span several providers. */
export interface Surroundings {
  /** The path of the plugin's own socket. */
  readonly socket: string;
  readonly files: Files;
  readonly validator: Pick<ConfigValidator, "complain">;
}

/** Translates the fields of a part of the config into settings, and reports their problems. */
export class ConfigValidator {
  readonly #problems: Problems;
  readonly #files: Files;
  readonly #environment: Environment;
  readonly #folder: string;
  readonly #base: FieldPath;

  /** @param folder absolute; relative paths start there. */
  constructor(problems: Problems, files: Files, environment: Environment, folder: string, base: FieldPath = []) {
    this.#problems = problems;
    this.#files = files;
    this.#environment = environment;
    this.#folder = folder;
    this.#base = base;
  }

  /** A validator for a part of this part. */
  within(...path: FieldPath): ConfigValidator {
    return new ConfigValidator(this.#problems, this.#files, this.#environment, this.#folder, [...this.#base, ...path]);
  }

  /** Reports a problem of a field. */
  complain(path: FieldPath, complaint: string): void {
    this.#problems.at([...this.#base, ...path], complaint);
  }

  /** The value of a variable that replaces a missing field; `undefined` if it is not set. */
  variable(name: PlainVariable): string | undefined {
    return this.#environment.get(name);
  }

  /** A part of the AWS access key from its variable; `undefined` if it is not set. */
  secretVariable(name: AwsKeyVariable): SecretSource | undefined {
    return this.#environment.secret(name) === undefined ? undefined : variableSource(name, this.#environment);
  }

  /** The absolute path. */
  absolute(path: string): string {
    return resolve(this.#folder, path);
  }

  /**
   * Checks that a file exists and that others may not write it.
   *
   * @param kind whether others may read it without a remark; `key`: its provider checks its permissions.
   * @returns the absolute path.
   */
  async file(path: FieldPath, written: string, kind: "public" | "credential" | "key" = "credential"): Promise<string> {
    const absolute = this.absolute(written);
    const complaint = await this.#complaintOfFile(absolute) ?? await this.#exposed(absolute, kind);
    if (complaint !== undefined) this.complain(path, `${absolute} ${complaint}`);
    return absolute;
  }

  /**
   * Checks that the process has permission to write to a path.
   *
   * @returns the absolute path.
   */
  async writable(path: FieldPath, written: string): Promise<string> {
    const absolute = this.absolute(written);
    if (!await this.#files.mayWrite(absolute)) {
      this.complain(
        path,
        `${absolute} is not where Trousseau is permitted to write (/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)`,
      );
    }
    return absolute;
  }

  /**
   * Checks that the process has permission to connect to another program's socket, which need not exist yet. Deno
   * requires the write permission for connecting.
   */
  async reachable(path: FieldPath, absolute: string): Promise<void> {
    if (await this.#files.mayWrite(absolute)) return;
    this.complain(
      path,
      `${absolute} is not where Trousseau is permitted to reach a socket (/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)`,
    );
  }

  /** Checks that a secret exists. The message does not repeat the reference, which can be the secret itself. */
  async secret(path: FieldPath, reference: SecretReference): Promise<SecretSource> {
    if ("variable" in reference) {
      const secret = this.#environment.secret(reference.variable);
      const unfit = secret === undefined ? undefined : whyNoSecret(secret.reveal());
      if (unfit !== undefined) this.complain([...path, "variable"], `the variable is not read: ${unfit}`);
      if (secret === undefined) {
        const isUnknown = this.#environment.mayNotRead(reference.variable);
        const complaint = isUnknown
          ? "the variable is new in the configuration, and a process that serves reads none any more; restart it"
          : "the variable is not set, or empty";
        this.complain([...path, "variable"], complaint);
      }
      return variableSource(reference.variable, this.#environment);
    }
    const absolute = this.absolute(reference.file);
    const complaint = await this.#complaintOfFile(absolute) ?? await this.#exposed(absolute, "credential");
    if (complaint !== undefined) this.complain([...path, "file"], `the file ${complaint}`);
    return fileSource(absolute);
  }

  /** A source for a value or a reference; only a reference is checked. */
  async openOrSecret(path: FieldPath, reference: string | SecretReference): Promise<SecretSource> {
    return typeof reference === "string" ? literalSource(reference) : await this.secret(path, reference);
  }

  /** Remarks if others may read a file or replace it; a complaint if they may write it. */
  async #exposed(absolute: string, kind: "public" | "credential" | "key"): Promise<string | undefined> {
    const exposure = kind === "key" ? undefined : await this.#files.exposure(absolute);
    if (exposure === undefined) return undefined;
    const why = whyWritable(absolute, exposure.file);
    if (why !== undefined) return `is not read: ${why}`;
    for (const remark of exposureRemarks(absolute, exposure, kind === "credential")) this.#problems.remark(remark);
    return undefined;
  }

  /** The system's reason why a file is not accessible, from an attempt to read it. */
  async #failureOf(absolute: string): Promise<string> {
    const why = await this.#files.read(absolute, 1).then(() => undefined, (thrown) => whyUnreadable(thrown, absolute));
    return why === undefined ? "could not be looked at a moment ago; try again" : `cannot be read: ${why}`;
  }

  async #complaintOfFile(absolute: string): Promise<string | undefined> {
    const kind = await this.#files.kind(absolute);
    if (kind === "absent") return "is not there";
    if (kind === "forbidden" || kind === "failing") return await this.#failureOf(absolute);
    if (kind === "folder") return "is a folder, not a file";
    return kind === "other" ? "is no regular file; pipes and devices are not read" : undefined;
  }
}
