/**
 * Where the plugin without a configuration listens for HTTP: a port that the system chose, kept in the state folder.
 *
 * @module
 */
import type { ListenConfig } from "../config/config.ts";
import { parseListen } from "../config/addresses.ts";
import { type StateFile, stateFile } from "../base/state_file.ts";

/** The address of the process that served last. */
export interface TelemetryAddress {
  /** For instance `127.0.0.1:8090`. */
  readonly listen: string;
}

/** The file of a state folder. It may name a process that has ended: whoever asks there has to look who answers. */
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

/** An address as an operator writes it. */
export function listenText({ hostname, port }: ListenConfig): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
