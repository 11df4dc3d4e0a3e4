/**
 * A configuration for the time of a recovery: its recovery providers unwrap with a private key.
 *
 * @module
 */
import { utf8Text } from "../base/bytes.ts";
import { whyNoSecret } from "../base/credential_file.ts";
import { FileRefusedError, readRegularFile, whyUnreadable } from "../base/durable_file.ts";
import { KmsError } from "../base/errors.ts";
import { Secret, type SecretSource, UnreadableSecretError } from "../base/secret.ts";
import type { Config } from "./config.ts";

/** The name of the entry that unwraps. */
export const recoveryKeyName = "recovery-key";

/** Bytes: a key with spaces has about 90. */
const maxKeyFile = 4096;

/**
 * The private key in the file of `--recovery-key`. It may have several lines, as on paper. Every read of a file that others
 * than its owner may read or write is refused: this key opens everything, and a person makes the file.
 *
 * @param path absolute.
 */
export function recoveryKeyFile(path: string): SecretSource {
  const description = `file ${path}`;
  return {
    description,
    async read() {
      try {
        const bytes = await readRegularFile(path, maxKeyFile, ({ mode }) => whyOpen(path, mode));
        const text = utf8Text(bytes)?.trim().replaceAll(/\s+/g, " ");
        const why = whyNoSecret(text);
        if (text === undefined || why !== undefined) throw new FileRefusedError("NoSecret", path, why ?? "");
        return new Secret(text);
      } catch (thrown) {
        throw new UnreadableSecretError(description, whyUnreadable(thrown, path), thrown);
      }
    },
  };
}

function whyOpen(path: string, mode: number): FileRefusedError | undefined {
  if ((mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o7777).toString(8).padStart(4, "0");
  const why =
    `it is open to others than its owner (mode ${shown}), and a recovery key opens everything; run chmod 600 ` +
    `${path}, and make another recovery key if it may have been read`;
  return new FileRefusedError("ReadableByOthers", path, why);
}

/**
 * Adds an entry to `retired` that unwraps with a private key, under the names of all recovery providers. These still only
 * wrap, so that new data keys need the quorum of the others.
 *
 * @param privateKey the private key of a recipient.
 * @throws {KmsError} `config` if there is no recovery provider, or the name of the entry is in use.
 */
export function withRecoveryKey(config: Config, privateKey: SecretSource): Config {
  const entries = [...config.providers, ...config.retired];
  const all = entries.flatMap(({ settings, formerly }) => settings.kind === "recovery" ? [{ settings, formerly }] : []);
  if (all.length === 0) {
    throw new KmsError(
      "config",
      "Cannot use --recovery-key: the configuration has no provider of kind recovery; put the one back that wrapped.",
    );
  }
  if (entries.some(({ name, formerly }) => [name, ...formerly].includes(recoveryKeyName))) {
    throw new KmsError(
      "config",
      `Cannot use --recovery-key: a provider has the name ${recoveryKeyName}, which it needs; rename that provider.`,
    );
  }
  const recipients = all.flatMap(({ settings }) => settings.recipients);
  const formerly = all.flatMap(({ settings, formerly }) => [settings.name, ...formerly]);
  const settings = { kind: "recovery", name: recoveryKeyName, recipients, privateKey } as const;
  const retired = config.retired.filter(({ settings }) => settings.kind !== "recovery");
  return { ...config, retired: [...retired, { name: recoveryKeyName, formerly, settings }] };
}
