/**
 * A configuration for the time of a recovery: its recovery providers unwrap with a private key.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";
import type { SecretSource } from "../base/secret.ts";
import type { Config } from "./config.ts";

/** The name of the entry that unwraps. */
export const recoveryKeyName = "recovery-key";

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
