/**
 * Variables that the runtime itself reads, independent of the program's permissions. A user who can set the environment
 * controls the process; the warning is for variables set by accident.
 *
 * @module
 */

/**
 * Each variable with its effect, as the end of "NAME …". Measured with Deno 2.9.6 under the flags of the product.
 *
 * Variables that the program overrides are included, because an operator who sets them expects an effect.
 */
export const runtimeVariables = {
  NODE_TLS_REJECT_UNAUTHORIZED: "has no effect: certificates are always checked",
  NODE_USE_ENV_PROXY: "has no effect: set proxy: of a provider instead",
  HTTP_PROXY: "has no effect: set proxy: of a provider instead",
  HTTPS_PROXY: "has no effect: set proxy: of a provider instead",
  ALL_PROXY: "has no effect: set proxy: of a provider instead",
  http_proxy: "has no effect: set proxy: of a provider instead",
  https_proxy: "has no effect: set proxy: of a provider instead",
  all_proxy: "has no effect: set proxy: of a provider instead",
  NODE_EXTRA_CA_CERTS: "has no effect: tls.caFile or the machine's authorities are trusted",
  DENO_CERT: "has no effect: tls.caFile or the machine's authorities are trusted",
  DENO_TLS_CA_STORE: "has no effect: tls.caFile or the machine's authorities are trusted",
  SSLKEYLOGFILE: "may write the keys of TLS connections to a file",
  NODE_DEBUG: "writes requests with their tokens to stderr",
  NODE_OPTIONS: "may run other code in this process",
  DENO_V8_FLAGS: "changes the JavaScript engine",
  DENO_COVERAGE_DIR: "writes files",
  DENO_AUDIT_PERMISSIONS: "writes a file",
  OTEL_DENO: "sends traces of requests to OTEL_EXPORTER_OTLP_ENDPOINT",
} as const satisfies Readonly<Record<string, string>>;

/** One of {@linkcode runtimeVariables}. */
export type RuntimeVariable = keyof typeof runtimeVariables;

/** One line with the names of those that are set, without their values; `undefined` if none is set. */
export function runtimeVariablesWarning(environment: { has(name: RuntimeVariable): boolean }): string | undefined {
  const set = Object.entries(runtimeVariables).filter(([name]) => environment.has(name as RuntimeVariable));
  if (set.length === 0) return undefined;
  const effects = new Map<string, string[]>();
  for (const [name, effect] of set) effects.set(effect, [...effects.get(effect) ?? [], name]);
  const clauses = [...effects].map(([effect, names]) => `${names.join(", ")} ${effect}`);
  return `Take these variables out of the environment of Trousseau: ${clauses.join("; ")}.`;
}
