/**
 * Checks whether the program could listen on the addresses of a configuration.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { whyNotListen } from "../../telemetry/http.ts";
import { originOf } from "../../telemetry/origin.ts";
import { serves } from "./running.ts";
import { fetchStatus } from "./status_document.ts";

/**
 * A sentence for each address that is not available. An address in use by a process of this configuration is available.
 */
export async function portWarnings(config: Config, signal: AbortSignal): Promise<readonly string[]> {
  // Without a configuration, an address in use is replaced by a free one.
  if (config.file === undefined) return [];
  const { telemetry, socket, sops } = config;
  const ports = [
    { field: "telemetry.listen", listen: telemetry.listen, path: socket.path },
    { field: "sops.listen", listen: sops.listen, path: sops.socket.path },
  ] as const;
  const warnings: string[] = [];
  for (const { field, listen, path } of ports) {
    if (listen === undefined) continue;
    const failure = whyNotListen({ listen, field });
    if (failure === undefined || await isOurs(config, originOf(listen), path, signal)) continue;
    warnings.push(
      `${failure.message} Trousseau would serve without health and metrics and try again; stop that program, or ` +
        `set another ${field}.`,
    );
  }
  return warnings;
}

async function isOurs(config: Config, origin: string, path: string, signal: AbortSignal): Promise<boolean> {
  const found = await fetchStatus(origin, signal);
  if (found === undefined || !serves(found, path)) return false;
  // Versions up to 0.1.0 do not report their socket; they are identified by their providers.
  const names = (providers: readonly { readonly name: string }[]) => providers.map(({ name }) => name).sort().join(" ");
  return found.socket !== undefined || names(found.providers) === names(config.providers);
}
