/**
 * The label values of the counters of a server, by its configuration.
 *
 * @module
 */
import { problems } from "../api/keyring/problems.ts";
import { requestActions } from "../api/keyring/actions.ts";
import type { Config, ProviderConfig } from "../config/config.ts";
import { kmsOperations } from "../services/kms/rpc_event.ts";
import { sopsOperations } from "../services/sops/rpc_event.ts";
import type { Countable } from "../telemetry/label_values.ts";

/** The counters of the plugin. */
export function countableByPlugin(config: Pick<Config, "kms" | "providers" | "retired" | "telemetry">): Countable {
  const operations = config.kms.v1beta1 ? kmsOperations : { v2: kmsOperations.v2 };
  return { ...countable(config, operations), traces: config.telemetry.traces !== undefined };
}

/** The counters of the key service of SOPS. */
export function countableBySops(config: Pick<Config, "providers" | "retired">): Countable {
  return countable(config, sopsOperations);
}

/** The counters of the keyring: it serves no gRPC, and an API over HTTP. */
export function countableByKeyring(config: Pick<Config, "providers" | "retired">): Countable {
  return { ...countable(config, {}), requests: { routes: requestActions, outcomes: ["ok", ...Object.keys(problems)] } };
}

function countable({ providers, retired }: Pick<Config, "providers" | "retired">, apis: Countable["apis"]): Countable {
  return { apis, providers: [...providers, ...retired].map(labelsOf) };
}

function labelsOf({ name, settings }: ProviderConfig): Countable["providers"][number] {
  return { name, kind: settings.kind, method: "auth" in settings ? settings.auth.method : undefined };
}
