/**
 * The variables that reach the Deno that bundles and compiles.
 *
 * @module
 */

// `deno compile` bakes the settings of its own telemetry into the binary (OTEL_*), and others change what it compiles
// (DENO_V8_FLAGS, DENO_COMPAT). Only those remain that say where programs, packages and certificates are.
const passedOn = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_REGISTRY",
  "NPM_CONFIG_USERCONFIG",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;

/** The environment of a subcommand: the variables that are passed on from the caller's, and `more`. */
export function compileEnvironment(
  more: Readonly<Record<string, string>> = {},
  caller: Pick<Deno.Env, "get"> = Deno.env,
): Record<string, string> {
  const passed = passedOn.flatMap((name) => {
    const value = caller.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...more };
}
