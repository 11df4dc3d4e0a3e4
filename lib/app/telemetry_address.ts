/**
 * The HTTP address of a plugin without a configuration: a port chosen by the system, kept in the state folder.
 *
 * @module
 */
import type { ListenConfig } from "../config/config.ts";
import { parseListen } from "../config/addresses.ts";
import { type StateFile, stateFile } from "../base/state_file.ts";

/** The address of the last process that served. */
export interface TelemetryAddress {
  /** For instance `127.0.0.1:8090`. */
  readonly listen: string;
}

/**
 * The file `telemetry-address.json` in a state folder. The process that wrote it can have ended, so that a client must
 * check the identity of the server at the address.
 */
export function telemetryAddressFile(folder: string): StateFile<TelemetryAddress> {
  return stateFile<TelemetryAddress>(folder, {
    name: "telemetry-address.json",
    content: "the address of health and metrics",
    format: 1,
    maxBytes: 1024,
    parse: ({ listen }) => typeof listen === "string" && parseListen(listen) !== undefined ? { listen } : undefined,
    advice: "remove it, and restart the plugin to have it written again",
  });
}

/** Formats an address as in the configuration. */
export function listenText({ hostname, port }: ListenConfig): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
