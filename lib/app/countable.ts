/**
 * The label values of the counters of a server, by its configuration.
 *
 * @module
 */
import type { Config, ProviderConfig } from "../config/config.ts";
import type { Api } from "../telemetry/events.ts";
import type { Countable } from "../telemetry/label_values.ts";

/** The counters of the plugin. */
export function countableByPlugin(config: Pick<Config, "kms" | "providers" | "retired">): Countable {
  return countable(config, config.kms.v1beta1 ? ["v2", "v1beta1"] : ["v2"]);
}

/** The counters of the key service of SOPS. */
export function countableBySops(config: Pick<Config, "providers" | "retired">): Countable {
  return countable(config, ["sops"]);
}

function countable({ providers, retired }: Pick<Config, "providers" | "retired">, apis: readonly Api[]): Countable {
  return { apis, providers: [...providers, ...retired].map(labelsOf) };
}

function labelsOf({ name, settings }: ProviderConfig): Countable["providers"][number] {
  return { name, kind: settings.kind, method: "auth" in settings ? settings.auth.method : undefined };
}
