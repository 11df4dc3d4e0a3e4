/**
 * The names of operations in the audit and in metrics.
 *
 * @module
 */
import { routes } from "./routes.ts";

/** The operations that Vault's clients have beside the native ones. */
export const vaultActions = {
  "kv.config": true,
  "kv.mounts": true,
  "secret.write": true,
  "token.show": true,
} as const satisfies Readonly<Record<string, true>>;

/** A request that reaches no operation: an unknown route, or a method that the route does not have. */
export const unroutedAction = "unrouted";

/** All names, each once. */
export const requestActions: readonly string[] = [
  ...new Set([...Object.values(routes).map(({ action }) => action), ...Object.keys(vaultActions), unroutedAction]),
].toSorted();
